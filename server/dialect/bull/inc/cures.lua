-- What a repair of Bull's queues does in its own way. Needs from its script: id, key, cure, MOVES_MAX.
--- @include base
--- @include place

-- Where a job of several places runs soonest.
local SOONEST = {'active', 'wait', 'paused', 'delayed', 'completed', 'failed'}

-- A place for a job in no state where it waits for something; none: false.
local function rest()
    return false
end

-- It is not in line by its priority any more.
local function forget_rank(id)
    call('ZREM', priority, id)
end

-- One out of `active` waits again.
local function recover(id)
    call('HINCRBY', key, 'stalledCounter', 1)
    call('RPUSH', waiting_list(), id)
    call('PUBLISH', stalled .. '@', id)
end

cure['priority left'] = function()
    local _, times = places_of(id, true)
    local is_stale = call('ZSCORE', priority, id) and times.wait + times.paused + times.delayed == 0 and
        (times.active == 0 or call('EXISTS', key) == 0)
    return is_stale and call('ZREM', priority, id) or 0
end

-- Jobs wait in one list: in `paused` while the queue is paused, else in `wait`. Those of the other one
-- come first, in their order.
cure['two waiting lists'] = function()
    local is_paused = call('EXISTS', KEYS[9]) == 1
    local from, to = is_paused and wait or KEYS[8], is_paused and KEYS[8] or wait
    local ids = call('LRANGE', from, 0, MOVES_MAX - 1)
    if #ids == 0 then
        return 0
    end
    call('LTRIM', from, #ids, -1)
    call('RPUSH', to, unpack(ids))
    return call('LLEN', from) > 0 and 2 or 1
end
