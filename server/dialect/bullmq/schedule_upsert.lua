-- Begins a series, or changes one: its next job, unless somebody works on it already, is made anew.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4  the series  5  its next slot; "": it runs by `every`  6 `every`, ""  7 offset, "": none was asked for
--   8  not before, ms; ""  9 data of its jobs  10... put_iteration (inc/iteration.lua)
--   behind them fields and values of the series; what it counts is kept
-- Result: {id, delay, slot, 1: there was such a series}; {-10} its next slot has a job, {-11} so have many
--
-- BullMQ's own looks for the next job of a paused queue where 5.x kept it, and makes a second one.
--- @include base
--- @include check
--- @include delete
--- @include iteration

local SLOTS_MAX = 32 -- that may have jobs already
local LOOK_MAX = 20000 -- entries of a list that are looked through from each end

local series, set = ARGV[4], KEYS[12]
local every, offset, start = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local key = P .. 'repeat:' .. series
local problem = foreign_key() or foreign(key, 'hash')
if problem then
    return redis.error_reply(problem)
end

-- Where the next job waits, as a function that takes it out. Beyond the ends of a very long list it is
-- taken for one that is active: it runs once more then, and has no successor.
local function find_pending(id)
    for _, zset in ipairs({delayed, prioritized}) do
        if call('ZSCORE', zset, id) then
            return function()
                call('ZREM', zset, id)
            end
        end
    end
    for _, list in ipairs({wait, KEYS[8]}) do
        for _, rank in ipairs({-1, 1}) do
            if call('LPOS', list, id, 'RANK', rank, 'MAXLEN', LOOK_MAX) then
                return function()
                    call('LREM', list, rank, id)
                end
            end
        end
    end
end

local last = call('ZSCORE', set, series)
local old = call('HMGET', key, 'every', 'offset', 'ic')
local is_same = last and (not every or every == tonumber(old[1]))
local pending = last and P .. iteration_id(series, tonumber(last))
local take_out = pending and call('EXISTS', pending) == 1 and find_pending(iteration_id(series, tonumber(last)))

local function is_taken(at)
    local job = P .. iteration_id(series, at)
    return call('EXISTS', job) == 1 and not (take_out and job == pending)
end

-- The slot. An offset is that of an interval: another one has its own.
local slot = tonumber(ARGV[5])
if every then
    local known = offset or is_same and tonumber(old[2]) or 0
    local found
    slot, found = next_every(is_same and tonumber(last), every, known, start)
    if is_same and take_out then
        slot = tonumber(last)
    end
    offset = offset or known ~= 0 and known or found
    local slots = 0
    while is_taken(slot) do
        slots, slot = slots + 1, slot + every
        if slots == SLOTS_MAX then
            return {-11}
        end
    end
else
    offset = offset or 0
    if is_taken(slot) then
        return {-10}
    end
end

if take_out then
    take_out()
    delete_job(pending)
end
local at = 10 + ITERATION_ARGS
call('DEL', key)
call('HSET', key, 'ic', old[3] or 1, 'offset', whole(offset), unpack(ARGV, at))
call('ZADD', set, whole(slot), series)
local id, delay = put_iteration(10, series, slot, call('HGET', key, 'name'), ARGV[9])
return {id, whole(delay), whole(slot), last and 1 or 0}
