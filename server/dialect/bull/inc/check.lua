-- What can be wrong with Redis rather than with a job.
--- @include base

-- The text of an error that call() raised. Before Redis 7 it is wrapped in where it came from.
local function error_text(problem)
    local text = type(problem) == 'table' and problem.err or tostring(problem)
    return (text:gsub('^.*@user_script:%s*%d+:%s*%-?', ''))
end

-- Errors of the server as a whole. Redis raises them at the first write of a call or not at all, so
-- nothing has been done and the call may end with them.
local function is_refusal(text)
    local refusals = {OOM = 1, READONLY = 1, MISCONF = 1, NOREPLICAS = 1, MASTERDOWN = 1, LOADING = 1}
    return refusals[text:match('^%u+')] ~= nil
end

-- The first of these keys (numbers in KEYS) that is not what it should be, as an error text.
local kinds = {'list', 'list', 'zset', 'set', 'zset', 'zset', 'zset', 'list'}
local function first_foreign(numbers)
    for _, i in ipairs(numbers) do
        local kind = call('TYPE', KEYS[i]).ok
        if kind ~= 'none' and kind ~= kinds[i] then
            return 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind .. ', not a ' .. kinds[i]
        end
    end
    return false
end

-- The same of all of them. Asked before the first write of an effect: there is no rollback.
-- obstacle() is what it has found, when asked.
local foreign
local function foreign_key()
    if foreign == nil then
        foreign = first_foreign({1, 2, 3, 4, 5, 6, 7, 8})
    end
    return foreign
end

local function obstacle()
    return foreign
end
