-- A queue that gets dead letters.
--- @include base
--- @include events
--- @include place
--- @include delete

-- Bull and BullMQ 4 counted in attemptsMade, which newer ones never write: the larger counts.
local MADE_FIELDS = {'atm', 'attemptsMade'}
local function made_attempts(made, before)
    return string.format('%.0f', math.max(tonumber(made) or 0, tonumber(before) or 0))
end

-- The one whose keys begin with D; need(key, kind) raises what is wrong with a key. Returns {
--   put(id, name): a job whose hash is there waits; how many do
--   drop_oldest(): removes the one that waits longest }
local function open_letterbox(D, need)
    local list, box = need(D .. 'wait', 'list'), {}
    for key, kind in pairs({meta = 'hash', events = 'stream', marker = 'zset', active = 'list'}) do
        need(D .. key, kind)
    end

    function box.put(id, name)
        emit_to(D, false, 'added', 'jobId', id, 'name', name)
        local count = call('LPUSH', list, id)
        mark(D)
        emit_to(D, true, 'waiting', 'jobId', id)
        return count
    end

    function box.drop_oldest()
        delete_job(D .. call('RPOP', list))
    end

    return box
end
