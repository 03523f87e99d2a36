-- New jobs: the hash, and the first place. `base`: what the keys of the job's queue begin with.
--- @include base
--- @include events
--- @include place

-- Behind priority: fields and values that not every job has.
local function store(base, id, name, data, opts, timestamp, delay, priority, ...)
    call('HSET', base .. id, 'name', name, 'data', data, 'opts', opts, 'timestamp', timestamp, 'delay', delay,
        'priority', priority, ...)
    emit_to(base, false, 'added', 'jobId', id, 'name', name)
end

-- due_ms nil: it may run at once; rank 0: in the order of the queue, from `side`.
local function enqueue(base, id, due_ms, rank, side)
    if due_ms then
        delay_until(id, due_ms, base)
        return
    elseif rank > 0 then
        prioritize(id, rank, base)
    else
        push(id, side, base)
    end
    emit_to(base, true, 'waiting', 'jobId', id)
end
