-- Finds jobs whose worker is gone: active at the last check (in the set stalled), not renewed since,
-- and without a lock. Workers of Node do the same check on the same keys; whoever comes first in an
-- interval does it for all.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV: 4 stalls allowed  5 interval, ms
--   6... with a dead-letter queue: arguments of open_dead (inc/dead.lua)
-- Result: 1 failed  2 recovered  3 dead letters as in commit.lua. What is over the bounds is left, with its mark, to the next check.

-- Of one check: marks looked at, jobs moved, active ids marked (the oldest).
local MARKS_MAX, MOVES_MAX, ACTIVE_MAX, BATCH = 10000, 500, 10000, 1000
-- From so many jobs on, active is rewritten instead of searched for each of them.
local REWRITE_MIN = 20
--- @include base
--- @include check
local dead
--- @include sweep_job
--- @include dead

if call('EXISTS', KEYS[11]) == 1 then
    return {0, 0}
end
local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end

local function unlocked_of(marks)
    local found = {}
    for first = 1, #marks, BATCH do
        local last, locks = math.min(first + BATCH - 1, #marks), {}
        for i = first, last do
            locks[#locks + 1] = P .. marks[i] .. ':lock'
        end
        local held = call('MGET', unpack(locks))
        for i = first, last do
            if not held[i - first + 1] then
                found[#found + 1] = marks[i]
            end
        end
    end
    return found
end

call('SET', KEYS[11], now, 'PX', math.max(tonumber(ARGV[5]), 1))
local marks, all_marks = nil, call('SCARD', stalled) <= MARKS_MAX
if all_marks then
    marks = call('SMEMBERS', stalled)
else
    marks = call('SRANDMEMBER', stalled, MARKS_MAX)
end
local unlocked = unlocked_of(marks)

-- A dead letter is a copy of its job: so many bytes of data are enough for one check.
local moves = math.min(#unlocked, MOVES_MAX)
local function bound_copies(max)
    local bytes = 0
    for i = 1, moves do
        local len = try('HSTRLEN', P .. unlocked[i], 'data')
        bytes = bytes + (tonumber(len) or 0)
        if bytes > max and i > 1 then
            moves = i - 1
            return
        end
    end
end
if ARGV[6] then
    bound_copies(2097152)
end
local has_left = not all_marks or #unlocked > moves
if not has_left then
    call('DEL', stalled)
end

-- Takes the ids from first to last out of active; returns those that were there.
local function leave_active(ids, last)
    local found = {}
    if last < REWRITE_MIN then
        for i = 1, last do
            if call('LREM', active, -1, ids[i]) > 0 then
                found[#found + 1] = ids[i]
            end
        end
        return found
    end
    local mine, rest = {}, {}
    for i = 1, last do
        mine[ids[i]] = true
    end
    local oldest = call('LRANGE', active, -ACTIVE_MAX, -1)
    for _, id in ipairs(oldest) do
        if mine[id] then
            mine[id] = nil
            found[#found + 1] = id
        else
            rest[#rest + 1] = id
        end
    end
    call('LTRIM', active, 0, -#oldest - 1)
    for first = 1, #rest, BATCH do
        call('RPUSH', active, unpack(rest, first, math.min(first + BATCH - 1, #rest)))
    end
    return found
end

if ARGV[6] then
    dead = open_dead(6)
end
local failed_count, recovered_count = 0, 0
if has_left then
    for first = 1, moves, BATCH do
        call('SREM', stalled, unpack(unlocked, first, math.min(first + BATCH - 1, moves)))
    end
end
for _, id in ipairs(leave_active(unlocked, moves)) do
    local has_failed = sweep_job(id)
    if has_failed then
        failed_count = failed_count + 1
    elseif has_failed == false then
        recovered_count = recovered_count + 1
    end
end

local ids = call('LRANGE', active, -ACTIVE_MAX, -1)
for first = 1, #ids, BATCH do
    call('SADD', stalled, unpack(ids, first, math.min(first + BATCH - 1, #ids)))
end
return {failed_count, recovered_count, dead and dead.answer()}
