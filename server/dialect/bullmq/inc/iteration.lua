-- Jobs of series: when the next one is to run, and making it.
--- @include base
--- @include place
--- @include store

-- ARGV of put_iteration from `at`: 0 options, JSON up to the slot in jobId, which ends them
--   1 priority  2 L or R  3 deduplication id, which it is named by but does not hold; ""  4 "1": by cron
local ITERATION_ARGS = 5

local function whole(ms)
    return string.format('%.0f', ms)
end

local function iteration_id(series, slot)
    return 'repeat:' .. series .. ':' .. whole(slot)
end

-- The first time after now that is `offset` from a multiple of `every`.
local function next_aligned(every, offset)
    local slot = math.floor(now / every) * every + offset
    if slot <= tonumber(now) then
        slot = slot + (math.floor((now - slot) / every) + 1) * every
    end
    return slot
end

-- The slot behind `prev` (nil: there was none yet) of a series that runs every so many ms, and how far
-- its slots are from the multiples of that. `offset`, 0: it goes by its first slot. A series that was
-- left alone goes on with the next slot that is to come. An offset may be left from a longer interval:
-- then it would put that off by more than one of these.
local function next_every(prev, every, offset, start)
    local slot
    if prev then
        slot = prev + every
        if slot < tonumber(now) then
            slot = next_aligned(every, offset % every)
        end
    elseif start then
        slot = math.max(start, now)
    elseif offset > 0 then
        slot = next_aligned(every, offset)
    else
        slot = tonumber(now)
    end
    slot = math.floor(slot)
    if offset == 0 then
        offset = slot - math.floor(slot / every) * every
    end
    return slot, math.floor(offset)
end

-- Stores the job of a slot and puts it where it waits. Returns its id and delay.
local function put_iteration(at, series, slot, name, data)
    local id, delay = iteration_id(series, slot), math.max(slot - now, 0)
    local priority, side, deid = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    local opts = ARGV[at] .. whole(slot) .. '","timestamp":' .. now .. ',"delay":' .. whole(delay)
    if ARGV[at + 4] == '1' then
        opts = opts .. ',"prevMillis":' .. whole(slot)
    end
    call('INCR', KEYS[10])
    if deid == '' then
        store(P, id, name, data, opts .. '}', now, whole(delay), priority, 'rjk', series)
    else
        store(P, id, name, data, opts .. '}', now, whole(delay), priority, 'rjk', series, 'deid', deid)
    end
    enqueue(P, id, delay > 0 and slot, rank_of(priority), side)
    return id, delay
end
