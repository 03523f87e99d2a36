-- Jobs of series: when the next one is to run, and making it.
--- @include base
--- @include events
--- @include place

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
    local opts = ARGV[at] .. whole(slot) .. '","timestamp":' .. now .. ',"delay":' .. whole(delay)
    if ARGV[at + 4] == '1' then
        opts = opts .. ',"prevMillis":' .. whole(slot)
    end
    call('INCR', KEYS[10])
    call('HSET', P .. id, 'name', name, 'data', data, 'opts', opts .. '}', 'timestamp', now,
        'delay', whole(delay), 'priority', ARGV[at + 1], 'rjk', series)
    if ARGV[at + 3] ~= '' then
        call('HSET', P .. id, 'deid', ARGV[at + 3])
    end
    emit('added', 'jobId', id, 'name', name)
    if delay > 0 then
        delay_until(id, slot)
        return id, delay
    end
    local rank = rank_of(ARGV[at + 1])
    if rank > 0 then
        prioritize(id, rank)
    else
        push(id, ARGV[at + 2])
    end
    emit_trimmed('waiting', 'jobId', id)
    return id, delay
end
