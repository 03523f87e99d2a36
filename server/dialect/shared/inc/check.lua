-- What can be wrong with Redis rather than with a job.
--- @include base
--- @include kinds

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

-- The error text about a key that is not what it should be; nil: it is.
local function foreign(key, kind)
    local is = call('TYPE', key).ok
    if is ~= 'none' and is ~= kind then
        return 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. kind
    end
end

-- The first of these keys (numbers in KEYS) that is not what it should be, as an error text.
local function first_foreign(numbers)
    for _, i in ipairs(numbers) do
        local problem = foreign(KEYS[i], kinds[i])
        if problem then
            return problem
        end
    end
    return false
end

-- The same of all of them. Asked before the first write of an effect: there is no rollback.
-- obstacle() is what it has found, when asked.
local obstacle_found
local function foreign_key()
    if obstacle_found == nil then
        local numbers = {}
        for i = 1, #kinds do
            numbers[i] = i
        end
        obstacle_found = first_foreign(numbers)
    end
    return obstacle_found
end

local function obstacle()
    return obstacle_found
end
