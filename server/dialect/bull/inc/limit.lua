-- Bull's rate limiter.
--
-- Needs from its script: limit_max, limit_ms, limit_bounces, limit_groups.
--- @include base

-- The limiter's answer for one job: nil when it may run, else the ms it has to wait. Without
-- bounceBack it is then parked among the delayed jobs.
local function limit(id)
    local counter, index = P .. 'limiter', P .. 'limiter:index'
    if limit_groups then
        local group = id:match('[^:]*$')
        if group ~= '' then
            counter = counter .. ':' .. group
        end
    end
    local set, rest = counter .. ':limited', 0
    if call('SISMEMBER', set, id) == 1 then
        call('SREM', set, id)
        call('HDEL', index, id)
    else
        local parked = call('SCARD', set)
        if parked > 0 then
            rest = parked * limit_ms * 1.1 / limit_max + call('PTTL', counter)
        end
    end
    local used = tonumber(call('GET', counter)) or 0
    if rest == 0 and used >= limit_max then
        rest = call('PTTL', counter) + (used - limit_max) * limit_ms / limit_max
    end
    if rest <= 0 then
        if used == 0 then
            call('PSETEX', counter, limit_ms, 1)
        else
            call('INCR', counter)
        end
        return nil
    end
    if not limit_bounces then
        local due = now + rest
        call('ZADD', delayed, due * 4096 + bit.band(used, 4095), id)
        call('PUBLISH', delayed, due)
        call('SADD', set, id)
        call('HSET', index, id, set)
        call('LREM', active, 1, id)
    end
    return rest
end
