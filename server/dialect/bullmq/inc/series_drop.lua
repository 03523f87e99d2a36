-- What goes with a series, and with its next job.
--- @include base
--- @include delete
--- @include events

local function drop_job(id)
    delete_job(P .. id)
    emit('removed', 'jobId', id, 'prev', 'delayed')
end

local function drop_rule(key)
    call('DEL', P .. 'repeat:' .. key)
end
