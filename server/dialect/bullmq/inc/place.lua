-- Putting an id where it waits, and waking who blocks for it. `base`: what the keys of its queue begin
-- with; nil: of ours.
--- @include base
--- @include meta
--- @include events

-- Whether nothing may be activated: paused, or as many jobs are active as all workers together may have.
local function is_held(base)
    local seen = meta_of(base)
    if seen[1] then
        return true
    end
    local max = seen[2] and tonumber(seen[2])
    return max and call('LLEN', base .. 'active') >= max
end

-- Work is there, unless nobody may take it.
local marked = {}
local function mark(base)
    base = base or P
    if not marked[base] and not is_held(base) then
        marked[base] = true
        call('ZADD', base .. 'marker', 0, '0')
    end
end

-- The time of the first delayed job.
local function mark_delayed(base)
    base = base or P
    local first = call('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then
        call('ZADD', base .. 'marker', first[2] / 4096, '1')
    end
end

-- Who of BullMQ 5 paused the queue brings back the list `paused`, and forgets `wait` over it.
local function waiting_list(base)
    local is_moved = meta_of(base)[1] and call('EXISTS', base .. 'paused') == 1
    return base .. (is_moved and 'paused' or 'wait')
end

-- Side R is where the next job is taken.
local function push(id, side, base)
    base = base or P
    call(side == 'R' and 'RPUSH' or 'LPUSH', waiting_list(base), id)
    mark(base)
end

-- A stored priority as a number; what is none counts as 0.
local function rank_of(text)
    local rank = text and tonumber(text) or 0
    return rank == rank and rank or 0
end

-- Behind all of its own priority. The job is in no other place by now: a count that is none begins anew.
local RANK_SPAN = 4294967296
local function prioritize(id, rank, base)
    local counter = (base or P) .. 'pc'
    local number = try('INCR', counter)
    if type(number) == 'table' then
        number = 1
        call('SET', counter, 1)
    end
    call('ZADD', (base or P) .. 'prioritized', rank * RANK_SPAN + number % RANK_SPAN, id)
    mark(base)
end

-- Ahead of all of its own priority.
local function prioritize_front(id, rank)
    call('ZADD', prioritized, rank * RANK_SPAN, id)
    mark()
end

-- Jobs of one millisecond keep their order by the low 12 bits of the score.
local function delay_until(id, due_ms, base)
    base, due_ms = base or P, tonumber(due_ms)
    local low, high = due_ms * 4096, due_ms * 4096 + 4095
    local set = base .. 'delayed'
    local last = call('ZREVRANGEBYSCORE', set, high, low, 'WITHSCORES', 'LIMIT', 0, 1)[2]
    call('ZADD', set, last and math.min(last + 1, high) or low, id)
    emit_to(base, true, 'delayed', 'jobId', id, 'delay', due_ms)
    mark_delayed(base)
end
