-- Giving out a job that is in active.
--
-- Needs from its script: lock_ms, token_first, limit_max (0: no limiter), limit_ms, limit_bounces,
-- limit_groups.
--- @include base
--- @include place
--- @include job

local active_channel = active .. '@' .. speaker
local token_number = token_first
local MISSING, PARKED, DOUBLE = -1, 0, -6

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

-- A lock on a job that was waiting: left over from Bull 3, or a second entry of an id that somebody
-- works on. The second entry goes (both are equal: one of them stays).
local function is_second_entry(id)
    local entries = call('LREM', active, 0, id)
    call('LPUSH', active, id)
    return entries > 1
end

-- Leases an id that is in active: its job, or MISSING (no such job: the id goes), PARKED (with the
-- ms to rest), DOUBLE.
local function lease(id)
    local key = P .. id
    local job = read_job(key)
    if not is_job(job) then
        call('LREM', active, 1, id)
        return MISSING
    end
    if limit_max > 0 then
        local rest = limit(id)
        if rest then
            return PARKED, rest
        end
    end
    local lock, token = key .. ':lock', speaker .. ':' .. token_number
    if not call('SET', lock, token, 'PX', lock_ms, 'NX') then
        if is_second_entry(id) then
            return DOUBLE
        end
        call('SET', lock, token, 'PX', lock_ms)
    end
    call('PUBLISH', active_channel, id)
    call('HSET', key, 'processedOn', now)
    job[9], job[10] = id, token_number
    token_number = token_number + 1
    return job
end
