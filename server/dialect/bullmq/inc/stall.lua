-- Recovering one job.
--- @include base
--- @include place

-- A job of a scheduler is recovered however often it stalls.
local function is_scheduled(series)
    return call('EXISTS', P .. 'repeat:' .. series) == 1 or call('ZSCORE', KEYS[12], series)
end

-- A job whose runner died, already out of active: waits again, ahead of all others whatever its
-- priority; whoever takes it next fails it when that came too often.
local function stall(id, stalled_max)
    local key = P .. id
    local times = try('HINCRBY', key, 'stc', 1)
    if type(times) == 'table' then -- no number was there
        times = 1
        call('HSET', key, 'stc', 1)
    end
    if times > stalled_max then
        local series = call('HGET', key, 'rjk')
        if not (series and is_scheduled(series)) then
            call('HSET', key, 'defa', 'job stalled more than allowable limit')
        end
    end
    push(id, 'R')
    emit('waiting', 'jobId', id, 'prev', 'active')
    emit('stalled', 'jobId', id)
end
