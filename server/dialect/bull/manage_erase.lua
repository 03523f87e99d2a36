-- Takes a queue away: its jobs, so many a call, then what it has besides.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4 "empty": only what is left without jobs, "idle": jobs too, of a paused queue, while none is
--     active, "all": also active ones  5 jobs to remove in one call
-- Result: {0: nothing is left, 1: ask again, -1: it is not paused, -2: jobs are active, -3: it has jobs,
--   -4: it has repeatable jobs, jobs removed}
--- @include base
--- @include check
--- @include forget

local how, left = ARGV[4], tonumber(ARGV[5])
local paused = KEYS[8]
local lists, sets = {active, wait, paused}, {delayed, completed, failed}

local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end
if how == 'empty' then
    for i = 1, 3 do
        if call('EXISTS', lists[i]) == 1 or call('EXISTS', sets[i]) == 1 then
            return {-3, 0}
        end
    end
    if call('EXISTS', KEYS[12]) == 1 then
        return {-4, 0}
    end
elseif call('EXISTS', KEYS[9]) == 0 then
    return {-1, 0}
elseif how == 'idle' and call('EXISTS', active) == 1 then
    return {-2, 0}
end

local forgetting, removed = open_forgetting(P), 0
local function remove(ids)
    for _, id in ipairs(ids) do
        forgetting.remove(id)
        call('DEL', P .. id .. ':lock')
    end
    left, removed = left - #ids, removed + #ids
end
for _, list in ipairs(lists) do
    if left > 0 then
        local ids = call('LRANGE', list, 0, left - 1)
        remove(ids)
        call('LTRIM', list, #ids, -1)
    end
end
for _, set in ipairs(sets) do
    if left > 0 then
        local ids = call('ZRANGE', set, 0, left - 1)
        remove(ids)
        call('ZREMRANGEBYRANK', set, 0, #ids - 1)
    end
end
if left > 0 then
    left = left - call('ZREMRANGEBYRANK', priority, 0, left - 1)
end
if left <= 0 then
    return {1, removed}
end
for _, name in ipairs({'priority', 'stalled-check', 'stalled', 'meta-paused', 'meta', 'id', 'repeat', 'limiter',
    'limiter:index', 'limiter:limited', 'metrics:completed', 'metrics:completed:data', 'metrics:failed',
    'metrics:failed:data'}) do
    call('DEL', P .. name)
end
return {0, removed}
