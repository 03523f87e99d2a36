-- What the options of a job say.
--- @include base

local function options_of(key)
    local text = call('HGET', key, 'opts')
    local is_fine, opts = pcall(cjson.decode, text or '{}')
    return is_fine and type(opts) == 'table' and opts or {}
end

-- As JavaScript sees it.
local function is_lifo(key)
    local lifo = options_of(key).lifo
    return lifo and lifo ~= cjson.null and lifo ~= 0 and lifo ~= ''
end
