-- Takes a queue away: its jobs, so many a call, then what it has besides.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4 "empty": only what is left without jobs, "idle": jobs too, of a paused queue, while none is
--     active, "all": also active ones  5 jobs to remove in one call
-- Result: {0: nothing is left, 1: ask again, -1: it is not paused, -2: jobs are active, -3: it has jobs,
--   -4: it has repeatable jobs, jobs removed}
--- @include base
--- @include check
--- @include parent
--- @include forget

local how, left = ARGV[4], tonumber(ARGV[5])
local series = KEYS[12]
-- Parents come last: by then their children here are gone.
local places = {
    {active}, {delayed, true}, {completed, true}, {wait}, {KEYS[8]}, {prioritized, true}, {failed, true},
    {KEYS[9], true}
}

local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end
if how == 'empty' then
    for _, place in ipairs(places) do
        if call('EXISTS', place[1]) == 1 then
            return {-3, 0}
        end
    end
    if call('EXISTS', series) == 1 then
        return {-4, 0}
    end
elseif call('HEXISTS', meta, 'paused') == 0 then
    return {-1, 0}
elseif how == 'idle' and call('EXISTS', active) == 1 then
    return {-2, 0}
end

local forgetting, removed = open_forgetting(P), 0
local function remove(id)
    local parent = try('HGET', P .. id, 'parentKey')
    if type(parent) == 'string' and call('EXISTS', parent) == 1 then
        parents().detach(P .. id, parent, true, P)
    end
    forgetting.remove(id)
    call('DEL', P .. id .. ':lock')
end
for _, place in ipairs(places) do
    if left > 0 then
        local ids = call(place[2] and 'ZRANGE' or 'LRANGE', place[1], 0, left - 1)
        call(place[2] and 'ZREMRANGEBYRANK' or 'LTRIM', place[1], place[2] and 0 or #ids, place[2] and #ids - 1 or -1)
        for _, id in ipairs(ids) do
            remove(id)
        end
        left, removed = left - #ids, removed + #ids
    end
end
if left > 0 then
    local ids = call('ZRANGE', series, 0, left - 1)
    for _, id in ipairs(ids) do
        call('DEL', P .. 'repeat:' .. id)
    end
    call('ZREMRANGEBYRANK', series, 0, #ids - 1)
    left = left - #ids
end
for _, place in ipairs(places) do -- a parent may have come back
    if left <= 0 or call('EXISTS', place[1]) == 1 then
        return {1, removed}
    end
end
for _, name in ipairs({'events', 'delay', 'stalled-check', 'stalled', 'id', 'pc', 'marker', 'meta', 'limiter',
    'metrics:completed', 'metrics:completed:data', 'metrics:failed', 'metrics:failed:data'}) do
    call('DEL', P .. name)
end
return {0, removed}
