-- Recovering one job.
--
-- Needs from its script: dead, as inc/dead.lua makes it, or nil.
--- @include base
--- @include place
--- @include finish

-- A job whose runner died, already out of active: waits again, or fails when that came too often.
-- `keep_count` and `keep_age` as prune has them, count 0: nothing stays. `message`: the event.
-- Returns whether it failed.
local function stall(id, stalled_max, keep_count, keep_age, message, deid)
    local key = P .. id
    local times = try('HINCRBY', key, 'stalledCounter', 1)
    if type(times) == 'table' then -- no number was there
        times = 1
        call('HSET', key, 'stalledCounter', 1)
    end
    if times <= stalled_max then
        call('RPUSH', waiting_list(), id)
        call('PUBLISH', stalled .. '@', id)
        return false
    end
    call('ZADD', failed, now, id)
    call('HSET', key, 'failedReason', 'job stalled more than allowable limit', 'finishedOn', now)
    if dead then
        dead.bury(id, key, 'job stalled more than allowable limit')
    end
    endings().free_debounce(deid)
    call('PUBLISH', failed, message)
    if keep_count == 0 and keep_age < 0 then
        call('ZREM', failed, id)
        call('DEL', key, key .. ':logs')
    else
        endings().prune(failed, keep_count, keep_age)
    end
    return true
end
