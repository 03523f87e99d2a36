-- The steps of a commit that are Bull's own. Included by commit.lua, in whose names it is written.
-- ARGV, behind what commit.lua names:
--   R  9 LPUSH or RPUSH      D  9 score      W  6 score      B  6 "1": never started before
--   S  6 stalls allowed  7 keep count  8 keep age  9 message      P  4 message
--   T  take: 1 id of a job that a blocking wait moved to active      X  untake: 1 such an id
--   Q  schedule: 1... arguments of add_series_job (inc/add.lua)
local limit_ms, limit_bounces, limit_groups = tonumber(ARGV[10]), ARGV[11] == '1', ARGV[12] == '1'
--- @include limit
--- @include stall
--- @include add

-- An id without a job goes for good: run again it would be a job without data.
local function drop(id)
    call('LREM', active, 1, id)
end

local function retry(at)
    local key, what = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return what
    end
    charge(key, at)
    line_up(ARGV[at + 1], rank_of(what), ARGV[at + 9])
end

local function delay_until(id, score)
    call('ZADD', delayed, score, id)
    call('PUBLISH', delayed, score / 4096)
end

local function delay(at)
    local key, what = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return what
    end
    charge(key, at)
    delay_until(ARGV[at + 1], ARGV[at + 9])
end

local function postpone(at)
    local key, what = withdraw(at, 0)
    if not key then
        return what
    end
    delay_until(ARGV[at + 1], ARGV[at + 6])
end

local function release(at)
    local key, what = withdraw(at, 0)
    if not key then
        return what
    end
    if ARGV[at + 6] == '1' then
        call('HDEL', key, 'processedOn')
    end
    line_up_again(ARGV[at + 1], rank_of(what))
end

local function stall_one(at)
    local id = ARGV[at + 1]
    local key, what = withdraw(at, nil)
    if key then
        local has_failed = stall(id, tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]),
            ARGV[at + 9], try('HGET', key, 'deid'))
        return has_failed and 1 or nil
    end
    if what == DONE and call('ZSCORE', failed, id) then
        return 1
    end
    return what
end

-- What goes with a note.
local function noted(at, op)
    if op == 'P' then
        call('PUBLISH', P .. 'progress', ARGV[at + 4])
    end
end

-- Back to where the fetch found it.
local function put_back(id)
    if call('LREM', active, 1, id) > 0 then
        call('RPUSH', waiting_list(), id)
    end
end

-- A job that the limiter bounced: to where it was, and nothing is fetched until it may run.
local function bounce(id, ms)
    put_back(id)
    rest_ms = math.max(rest_ms, math.ceil(ms))
end

local function take(at)
    local id = ARGV[at + 1]
    local problem = foreign_key()
    if problem then
        return problem
    end
    if not is_active(id) then
        return -3
    end
    if call('EXISTS', P .. id .. ':lock') == 1 then
        return -6
    end
    call('SREM', stalled, id)
    local job, ms = lease(id)
    if job ~= PARKED then
        if type(job) == 'table' then
            try('ZREM', priority, id)
        end
        return job
    end
    if limit_bounces then
        bounce(id, ms)
    end
end

local function untake(at)
    local problem = foreign_key()
    if problem then
        return problem
    end
    if call('EXISTS', P .. ARGV[at + 1] .. ':lock') == 1 then
        return -6
    end
    put_back(ARGV[at + 1])
end

local function schedule(at)
    local problem = foreign_key()
    if problem then
        return problem
    end
    add_series_job(at + 1)
end

-- How far each goes: its letter and its arguments.
local steps = {
    R = {retry, 10}, D = {delay, 10}, W = {postpone, 7}, B = {release, 7}, S = {stall_one, 10},
    T = {take, 2}, X = {untake, 2}, Q = {schedule, 1 + SERIES_ARGS},
}
local NOTE_SPAN = {P = 5, L = 4, U = 4}


-- A due job should not be active, too. Of a longer list only the newest are looked at.
local RUNNING_MAX = 5000

-- Due jobs to waiting, the first due first. Returns the next score and 1 when more are due.
local function promote_due(max)
    local problem = first_foreign({1, 2, 3, 7, 8}) -- what it touches: no set of finished jobs
    if problem then
        error({err = problem}, 0)
    end
    local ids = call('ZRANGEBYSCORE', delayed, 0, now * 4096, 'LIMIT', 0, max)
    if #ids > 0 then
        local running = {}
        for _, id in ipairs(call('LRANGE', active, 0, RUNNING_MAX - 1)) do
            running[id] = true
        end
        call('ZREM', delayed, unpack(ids))
        for _, id in ipairs(ids) do
            local key = P .. id
            local seen = try('HMGET', key, 'priority', 'timestamp', 'data')
            if seen.err or not (seen[2] or seen[3]) then
                dropped = dropped + 1
            else
                if running[id] then
                    call('LREM', active, 0, id)
                end
                line_up(id, rank_of(seen[1]), 'LPUSH')
                call('PUBLISH', P .. 'waiting@' .. speaker, id)
                call('HSET', key, 'delay', 0)
            end
        end
    end
    local next = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
    if next then
        call('PUBLISH', delayed, next / 4096)
    end
    return next or false, #ids == max and 1 or 0
end

-- Under a limiter each job is asked for alone, because each may be parked. Returns whether nothing
-- more waits.
local LIMITED_MAX = 256
local function fetch_limited(max)
    for _ = 1, LIMITED_MAX do
        if #jobs >= max then
            return false
        end
        local id = call('RPOPLPUSH', wait, active)
        if not id then
            return true
        end
        local job, ms = lease(id)
        if job == PARKED and limit_bounces then
            bounce(id, ms)
            return false
        end
        if type(job) == 'table' then
            try('ZREM', priority, id)
        end
        note_job(job)
        if is_fetch_full(job) then
            return false
        end
    end
    return false
end

local moves = {drop = drop, limit = limit, fetch = fetch_limited, promote = promote_due}
