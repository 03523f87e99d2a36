-- How many jobs a queue has in each state. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- Result: {exists, paused, jobs of each state in the order of the dialect..., repeatable, last id}

--- @include inspect
--- @include inspect_call
--- @include states
--- @include paused

local prefix = ARGV[1]

-- The window of a deduplication "id" of another queue has a key that looks like a counter.
local function has_counter()
    if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
        return false
    end
    local owner = prefix:match('^(.*:)de:$')
    local found = owner and redis.pcall('EXISTS', owner .. 'id', owner .. 'meta')
    return type(found) ~= 'number' or found == 0
end

local ok, result = pcall(function()
    local paused, exists = look_at_settings(prefix)
    local result = {has_counter() and 1 or exists, paused}
    for _, state in ipairs(STATES) do
        local key = prefix .. state[2]
        local count = call(state[3] == 'list' and 'LLEN' or 'ZCARD', key)
        if state[3] == 'list' and count > 0 then
            local tail, head = markers_in(key, count)
            count = count - tail - head
        end
        result[#result + 1] = count
        if count > 0 then result[1] = 1 end
    end
    local series = call('ZCARD', prefix .. 'repeat')
    if series > 0 then result[1] = 1 end
    local last = redis.pcall('GET', KEYS[1])
    result[#result + 1] = series
    result[#result + 1] = type(last) == 'string' and tonumber(last) or 0
    return result
end)
return ok and result or {err = result}
