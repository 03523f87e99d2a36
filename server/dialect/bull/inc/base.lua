-- What every script begins with.
--
-- KEYS, the same for all (keys.h has the order):
--   1 wait  2 active  3 priority  4 stalled  5 completed  6 failed  7 delayed  8 paused
--   9 meta-paused  10 id  11 stalled-check  12 repeat
-- ARGV:
--   1 what all keys begin with ("bull:name:")  2 wall clock, ms  3 token of our events
local call, try = redis.call, redis.pcall
local wait, active, priority, stalled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local completed, failed, delayed, paused = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local P, now, speaker = ARGV[1], ARGV[2], ARGV[3]

-- The text of an error that call() raised. Before Redis 7 it is wrapped in where it came from.
local function error_text(problem)
    local text = type(problem) == 'table' and problem.err or tostring(problem)
    return (text:gsub('^.*@user_script:%s*%d+:%s*%-?', ''))
end

-- Errors of the server as a whole. Redis raises them at the first write of a call or not at all, so
-- nothing has been done and the call may end with them.
local refusals = {OOM = 1, READONLY = 1, MISCONF = 1, NOREPLICAS = 1, MASTERDOWN = 1, LOADING = 1}
local function is_refusal(text)
    return refusals[text:match('^%u+')] ~= nil
end

-- The first of the queue's own keys that is not what it should be, as an error text. Asked before
-- the first write of an effect: there is no rollback.
local foreign
local function foreign_key()
    if foreign == nil then
        foreign = false
        local kinds = {'list', 'list', 'zset', 'set', 'zset', 'zset', 'zset', 'list'}
        for i = 1, #kinds do
            local kind = call('TYPE', KEYS[i]).ok
            if kind ~= 'none' and kind ~= kinds[i] then
                foreign = 'WRONGTYPE ' .. KEYS[i] .. ' is a ' .. kind .. ', not a ' .. kinds[i]
                break
            end
        end
    end
    return foreign
end
