-- The steps of a commit that are BullMQ's own. Included by commit.lua, in whose names it is written.
-- ARGV, behind what commit.lua names:
--   R  9 LPUSH or RPUSH      D  9 due, ms  10 delay, ms      S  6 stalls allowed
--   B  6 attempts started to go back to, "": none  7 ms that all who obey a limiter rest
--   W  6 due, ms  7 delay, ms      V  wait for children: 1 to 5 as W
--   L  4 lines to keep, "": all      X  wake: 1 ""
--   Q  schedule: 1... arguments of advance_series (inc/series.lua)
local limit_ms = tonumber(ARGV[10])
--- @include events
--- @include place
--- @include delete
--- @include parent
--- @include dedup
--- @include stall
--- @include series

-- An id without a job goes, and so does what a worker of Node made of it: the beginnings of a hash.
local function drop(id, job)
    call('LREM', active, 1, id)
    if job[7] then
        call('DEL', P .. id)
    end
end

-- Who of a run may not complete: codes by place.
local function held_by_children(run)
    local codes = {}
    for j = 1, run.n do
        if call('EXISTS', run.keys[j] .. ':dependencies') == 1 then
            codes[j] = -4
        elseif call('EXISTS', run.keys[j] .. ':unsuccessful') == 1 then
            codes[j] = -9
        end
    end
    return codes
end

-- `tie`: 2 key of the parent  3 what the child's hash says of it. A child that stays nowhere cannot be
-- waited for. Returns what went wrong.
local function end_child(key, tie, value, has_failed, goes)
    local _, problem, more
    if has_failed then
        _, problem = parents().child_failed(key, tie[3] or nil, value)
    else
        _, problem = parents().child_completed(key, tie[3] or nil, tie[2] or nil, value)
    end
    if goes and tie[2] then
        _, more = parents().detach(key, tie[2], false, P)
    end
    return problem or more
end

local function retry(at)
    local id = ARGV[at + 1]
    local key, what = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return what
    end
    charge(key, at)
    left = left + 1
    local rank = rank_of(what)
    if rank == 0 then
        push(id, ARGV[at + 9] == 'RPUSH' and 'R' or 'L')
    else
        prioritize(id, rank)
    end
    emit_trimmed('waiting', 'jobId', id, 'prev', 'active')
end

local function delay(at)
    local key, what = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return what
    end
    charge(key, at)
    left = left + 1
    call('HSET', key, 'delay', ARGV[at + 10])
    delay_until(ARGV[at + 1], ARGV[at + 9])
end

local function postpone(at)
    local key, what = withdraw(at, 0)
    if not key then
        return what
    end
    left = left + 1
    call('HSET', key, 'delay', ARGV[at + 7])
    delay_until(ARGV[at + 1], ARGV[at + 6])
end

-- To the front, as it was.
local function line_up_again(id, priority)
    local rank = rank_of(priority)
    left = left + 1
    if rank > 0 then
        prioritize_front(id, rank)
    else
        push(id, 'R')
    end
    emit_trimmed('waiting', 'jobId', id, 'prev', 'active')
end

local LIMITED = '9007199254740991' -- more than any limiter's maximum

local function release(at)
    local key, what = withdraw(at, 0)
    if not key then
        return what
    end
    local started, ms = ARGV[at + 6], tonumber(ARGV[at + 7])
    if started == '0' then
        call('HDEL', key, 'processedOn', 'ats')
    elseif started ~= '' then
        call('HSET', key, 'ats', started)
    end
    if ms > 0 then
        call('SET', KEYS[17], LIMITED, 'PX', ms)
        rest_ms = math.max(rest_ms, ms)
    end
    line_up_again(ARGV[at + 1], what)
end

-- Where no child is pending any more, the job runs again at once.
local READY = 2
local function await(at)
    local id = ARGV[at + 1]
    local key = P .. id
    if held_by(key) == ARGV[at + 2] and call('ZCARD', key .. ':unsuccessful') > 0 then
        return -9
    end
    local pending = call('SCARD', key .. ':dependencies')
    local own, what = withdraw(at, 0)
    if not own then
        return what == DONE and not call('ZSCORE', KEYS[9], id) and READY or what
    end
    if pending == 0 then
        line_up_again(id, what)
        return READY
    end
    left = left + 1
    call('ZADD', KEYS[9], now, id)
    emit('waiting-children', 'jobId', id, 'prev', 'active')
end

local function stall_one(at)
    local key, what = withdraw(at, nil)
    if not key then
        return what
    end
    left = left + 1
    stall(ARGV[at + 1], tonumber(ARGV[at + 6]))
end

-- Somebody was woken who cannot take what there is.
local function untake()
    mark()
end

local function schedule(at)
    advance_series(at + 1)
end

-- What goes with a note.
local function noted(at, op)
    local id = ARGV[at + 1]
    if op == 'P' then
        emit_trimmed('progress', 'jobId', id, 'data', ARGV[at + 3])
    elseif op == 'L' and ARGV[at + 4] ~= '' then
        call('LTRIM', P .. id .. ':logs', -ARGV[at + 4], -1)
    end
end

-- How far each goes: its letter and its arguments.
local steps = {
    R = {retry, 10}, D = {delay, 11}, B = {release, 8}, S = {stall_one, 7}, W = {postpone, 8}, V = {await, 6},
    X = {untake, 2}, Q = {schedule, 1 + SERIES_ARGS},
}
local NOTE_SPAN = {P = 4, L = 5, U = 4}

-- A place became free, and who waits for it does not know.
local function wake()
    if call('LLEN', wait) > 0 or call('ZCARD', prioritized) > 0 then
        mark()
    end
end

-- Due jobs to where they wait, the first due first. Returns the next score and 1 when more are due.
local function promote_due(max)
    local problem = first_foreign({1, 2, 3, 7, 8, 13, 14, 15, 16}) -- what it touches: no set of ended jobs
    if problem then
        error({err = problem}, 0)
    end
    local ids = call('ZRANGEBYSCORE', delayed, 0, (now + 1) * 4096 - 1, 'LIMIT', 0, max)
    if #ids > 0 then
        call('ZREM', delayed, unpack(ids))
        for _, id in ipairs(ids) do
            local key = P .. id
            local seen = try('HMGET', key, 'priority', 'timestamp', 'data')
            if seen.err or not (seen[2] or seen[3]) then
                dropped = dropped + 1
            else
                local rank = rank_of(seen[1])
                if rank == 0 then
                    push(id, 'L')
                else
                    prioritize(id, rank)
                end
                emit('waiting', 'jobId', id, 'prev', 'delayed')
                call('HSET', key, 'delay', 0)
            end
        end
    end
    local next = call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2]
    return next or false, #ids == max and 1 or 0
end

-- The maximum of the queue comes before that of the worker, the time of the worker before that of the
-- queue. Each job is asked for alone: one that is only to fail does not count.
local LIMITED_MAX = 256
local function fetch_limited(max, all, window)
    local used = tonumber(call('GET', KEYS[17])) or 0
    for _ = 1, math.min(max, LIMITED_MAX) do
        if used >= all then
            local ms = call('PTTL', KEYS[17])
            if ms > 0 then
                rest_ms = math.max(rest_ms, ms)
                return true
            elseif ms == 0 then
                call('DEL', KEYS[17])
                used = 0
            end
        end
        local before = #jobs
        if take(1) then
            return true
        end
        local job = jobs[before + 1]
        if job and not job[9] then
            used = call('INCR', KEYS[17])
            if used == 1 and window then
                call('PEXPIRE', KEYS[17], math.floor(math.abs(window)))
            end
        end
        if fetched_bytes >= FETCH_BYTES_MAX then
            return false
        end
    end
    return false
end

-- A fetch that something may keep from taking all that it could. Returns whether there is nothing
-- that it may take.
local function fetch_held(max)
    local seen = meta_of(P)
    if seen[1] or rest_ms > 0 then
        return true
    end
    local places = seen[2] and tonumber(seen[2])
    local room = places and math.ceil(places) - call('LLEN', active) or max
    if room <= 0 then
        return true
    end
    local limit = seen[3] and tonumber(seen[3]) or limit_max > 0 and limit_max
    local is_last
    if limit then
        is_last = fetch_limited(math.min(max, room), limit, limit_ms > 0 and limit_ms or tonumber(seen[4]))
    else
        is_last = take(math.min(max, room))
    end
    return is_last or room < max
end

-- Those of ZPOPMIN's answer that a fetch took and did not lease, but for the first `kept`.
local function give_back_ranked(popped, kept)
    for i = 2 * kept + 1, popped and #popped or 0, 2 do
        if call('LREM', active, 1, popped[i]) > 0 then
            call('ZADD', prioritized, popped[i + 1], popped[i])
        end
    end
end

local moves = {
    drop = drop, fetch = fetch_held, promote = promote_due, give_back_ranked = give_back_ranked, wake = wake,
    parents = parents, dedup = dedup, end_child = end_child, held_by_children = held_by_children,
}
