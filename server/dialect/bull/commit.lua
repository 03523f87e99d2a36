-- One commit: effects in order, then promotion of due jobs, then a fetch.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4 number of the first token  5 lock duration, ms  6 jobs to fetch  7 jobs to promote, 0: do not
--   8 points of metrics, 0: none  9 limiter: max, 0: none  10 its duration, ms
--   11 "1": bounce back  12 "1": by group  13... effects, each a letter and its arguments:
--   C F  complete, fail: a run with equal options: 1 how many  2 "1": resent  3 "1": debounced
--        4 keep count  5 keep age, s (-1: any)  6... each: id, token, value, message; F also stack
--        trace, attempts made; resent ones also processedOn, stalledCounter
--   N    renew: a run: 1 how many  2... each: id, token, processedOn, stalledCounter
--   R D B S  retry, delay, release, stall: 1 id  2 token  3 "1": resent  4 processedOn
--        5 stalledCounter, then
--        R: 6 reason  7 stack trace  8 attempts made  9 LPUSH or RPUSH
--        D: 6 reason  7 stack trace  8 attempts made  9 score
--        B: 6 "1": never started before
--        S: 6 stalls allowed  7 keep count  8 keep age  9 message
--   P L U  progress, log, update: 1 id  2 token  3 value; P: 4 message
--   T    take: 1 id          X  untake: 1 id          A  adopt: 1 id  2 token
--   Q    schedule: 1... arguments of add_series_job (inc/add.lua)
-- Result:
--   1 leased jobs, each: fields of inc/lease.lua  2 what came of effects that are not plainly done:
--   number of the effect, then a code (-1 missing, -2 -6 lock lost, -3 not active, 1 failed), an
--   error text, or a job  3 score of the next delayed job (nil: none)  4 1: more are due
--   5 1: nothing more waits  6 ms to rest  7 ids dropped because their job is missing
--- @include base
local token_first, lock_ms = tonumber(ARGV[4]), ARGV[5]
local limit_max, limit_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
local limit_bounces, limit_groups = ARGV[11] == '1', ARGV[12] == '1'
local metrics_points = tonumber(ARGV[8])
--- @include place
--- @include lease
--- @include finish
--- @include active
--- @include add

local jobs, answers, dropped, rest_ms = {}, {}, 0, 0
local effect = 0

local function answer(index, what)
    local n = #answers
    answers[n + 1], answers[n + 2] = index, what
end

-- Takes the newest entry of each id out of active; false for one that is not there. Jobs mostly end
-- in the order they began: then they are the tail as it is.
local function leave_active(ids)
    local n = #ids
    if n > 2 then
        local tail, mine, same = call('LRANGE', active, -n, -1), {}, 0
        for i = 1, n do
            mine[ids[i]] = true
        end
        for i = 1, #tail do
            if not mine[tail[i]] then
                break
            end
            mine[tail[i]] = nil
            same = same + 1
        end
        if same == n then
            call('LTRIM', active, 0, -n - 1)
            return nil
        end
    end
    local left = {}
    for i = 1, n do
        left[i] = call('LREM', active, -1, ids[i]) == 1
    end
    return left
end

-- C and F.
local function finish(at, has_failed)
    local n, is_resent, is_debounced = tonumber(ARGV[at + 1]), ARGV[at + 2] == '1', ARGV[at + 3] == '1'
    local keep_count, keep_age = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
    local stride = (has_failed and 6 or 4) + (is_resent and 2 or 0)
    local set, before = has_failed and failed or completed, effect
    local first = at + 6
    local keys, locks, problem = {}, {}, nil
    effect = effect + n
    for i = 1, n do
        local key = P .. ARGV[first + (i - 1) * stride]
        keys[i], locks[i] = key, key .. ':lock'
    end
    for _, seen in ipairs({try('ZCARD', set), try('SCARD', stalled), try('LLEN', active)}) do
        problem = problem or type(seen) == 'table' and seen.err
    end
    if problem then
        for i = 1, n do
            answer(before + i, problem)
        end
        return first + n * stride
    end

    -- Who may.
    local held, are_there = call('MGET', unpack(locks)), call('EXISTS', unpack(keys)) == n
    local ids, places, numbers, m = {}, {}, {}, 0
    for i = 1, n do
        local place, code = first + (i - 1) * stride, nil
        if not are_there and call('EXISTS', keys[i]) == 0 then
            code = is_resent and DONE or -1
        elseif held[i] ~= ARGV[place + 1] then
            local seen = try('HMGET', keys[i], 'processedOn', 'stalledCounter', 'attemptsMade')
            code = seen.err or lock_answer(ARGV[place], held[i], ARGV[place + 1], is_resent,
                ARGV[place + stride - 2], ARGV[place + stride - 1],
                has_failed and tonumber(ARGV[place + 5]), seen)
        end
        if not code then
            m = m + 1
            ids[m], places[m], numbers[m] = ARGV[place], place, i
        elseif code ~= DONE then
            answer(before + i, code)
        end
    end
    if m == 0 then
        return first + n * stride
    end

    -- Out of active, into the hash. A key that is no hash shows here, and the id goes back.
    local left, goes = leave_active(ids), keep_count == 0
    local gone, scored, debounces, k = {}, {}, {}, 0
    for j = 1, m do
        local place, i = places[j], numbers[j]
        local key, value = keys[i], nil
        gone[#gone + 1] = locks[i]
        if left and not left[j] then
            answer(before + i, -3)
        else
            local deid
            if is_debounced then
                deid = try('HGET', key, 'deid')
            end
            if goes then
                gone[#gone + 1] = key
                gone[#gone + 1] = key .. ':logs'
            elseif has_failed then
                value = try('HSET', key, 'stacktrace', ARGV[place + 4], 'failedReason', ARGV[place + 2],
                    'attemptsMade', ARGV[place + 5], 'finishedOn', now)
            else
                value = try('HSET', key, 'returnvalue', ARGV[place + 2], 'finishedOn', now)
            end
            if type(value) == 'table' then
                call('RPUSH', active, ids[j])
                gone[#gone] = nil
                answer(before + i, value.err)
            else
                k = k + 1
                scored[2 * k - 1], scored[2 * k] = now, ids[j]
                places[k] = place
                debounces[k] = type(deid) == 'string' and deid or nil
            end
        end
    end
    if #gone > 0 then
        call('DEL', unpack(gone))
    end
    call('SREM', stalled, unpack(ids))
    if k > 0 then
        for j = 1, is_debounced and k or 0 do
            free_debounce(debounces[j])
        end
        if not goes then
            call('ZADD', set, unpack(scored))
            prune(set, keep_count, keep_age)
        end
        if metrics_points > 0 then
            measure(has_failed and 'failed' or 'completed', k, metrics_points)
        end
        for j = 1, k do
            call('PUBLISH', set, ARGV[places[j] + 3])
        end
    end
    return first + n * stride
end

-- N: extends the locks of a run. One that ran out is taken again if nobody else had the job.
local function renew(at)
    local n, before = tonumber(ARGV[at + 1]), effect
    local locks, ids = {}, {}
    effect = effect + n
    for i = 1, n do
        locks[i] = P .. ARGV[at + 4 * i - 2] .. ':lock'
    end
    local held = call('MGET', unpack(locks))
    for i = 1, n do
        local place = at + 4 * i - 2
        local id, token, code = ARGV[place], ARGV[place + 1], nil
        if held[i] ~= token then
            local seen = try('HMGET', P .. id, 'processedOn', 'stalledCounter')
            if seen.err then
                code = seen.err
            elseif held[i] then
                code = -6
            elseif not is_untouched(ARGV[place + 2], ARGV[place + 3], seen) or not is_active(id) then
                code = seen[1] and -2 or -1
            end
        end
        if code then
            answer(before + i, code)
        else
            call('SET', locks[i], token, 'PX', lock_ms)
            ids[#ids + 1] = id
        end
    end
    if #ids > 0 then
        try('SREM', stalled, unpack(ids))
    end
    return at + 2 + 4 * n
end

-- Checks one of R, D, B and S and takes it out of active. Returns its key and hash fields, or nil
-- and the answer. A job that is not active still loses the lock, as with Bull.
local function withdraw(at, attempts)
    local id = ARGV[at + 1]
    local key, is_resent = P .. id, ARGV[at + 3] == '1'
    local problem = foreign_key()
    if problem then
        return nil, problem
    end
    local seen = try('HMGET', key, 'processedOn', 'stalledCounter', 'attemptsMade', 'priority', 'deid')
    if seen.err then
        return nil, seen.err
    end
    if call('EXISTS', key) == 0 then
        return nil, is_resent and DONE or -1
    end
    local held = call('MGET', key .. ':lock')[1]
    local code = lock_answer(id, held, ARGV[at + 2], is_resent, ARGV[at + 4], ARGV[at + 5], attempts, seen)
    if code then
        return nil, code
    end
    call('DEL', key .. ':lock')
    call('SREM', stalled, id)
    if call('LREM', active, -1, id) == 0 then
        return nil, -3
    end
    return key, seen
end

local function charge(key, at)
    call('HSET', key, 'stacktrace', ARGV[at + 7], 'failedReason', ARGV[at + 6], 'attemptsMade', ARGV[at + 8])
end

local function retry(at)
    local key, seen = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return seen
    end
    charge(key, at)
    line_up(ARGV[at + 1], rank_of(seen[4]), ARGV[at + 9])
end

local function delay(at)
    local key, seen = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return seen
    end
    charge(key, at)
    call('ZADD', delayed, ARGV[at + 9], ARGV[at + 1])
    call('PUBLISH', delayed, ARGV[at + 9] / 4096)
end

local function release(at)
    local key, seen = withdraw(at, 0)
    if not key then
        return seen
    end
    if ARGV[at + 6] == '1' then
        call('HDEL', key, 'processedOn')
    end
    line_up_again(ARGV[at + 1], rank_of(seen[4]))
end

local function stall_one(at)
    local id = ARGV[at + 1]
    local key, seen = withdraw(at, nil)
    if key then
        return stall(id, tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]),
            ARGV[at + 9], seen[5]) and 1 or nil
    end
    if seen == DONE and call('ZSCORE', failed, id) then
        return 1
    end
    return seen
end

-- What a running job tells of itself. Bull asks for no lock here; we refuse only when another has it.
local function note(at, op)
    local key = P .. ARGV[at + 1]
    if call('EXISTS', key) == 0 then
        return -1
    end
    local held = call('MGET', key .. ':lock')[1]
    if held and held ~= ARGV[at + 2] then
        return -6
    end
    if op == 'L' then
        call('RPUSH', key .. ':logs', ARGV[at + 3])
    elseif op == 'U' then
        call('HSET', key, 'data', ARGV[at + 3])
    else
        call('HSET', key, 'progress', ARGV[at + 3])
        call('PUBLISH', P .. 'progress', ARGV[at + 4])
    end
end

local function rest(ms)
    rest_ms = math.max(rest_ms, math.ceil(ms))
end

-- Back to where the fetch found it.
local function put_back(id)
    if call('LREM', active, 1, id) > 0 then
        call('RPUSH', waiting_list(), id)
    end
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
    if job == PARKED and limit_bounces then
        put_back(id)
        rest(ms)
    end
    return job ~= PARKED and job or nil
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

local function adopt(at)
    local id, token = ARGV[at + 1], ARGV[at + 2]
    local key = P .. id
    local job = read_job(key)
    if job.err then
        return job.err
    end
    if not is_job(job) then
        return -1
    end
    local held = call('MGET', key .. ':lock')[1]
    if held and held ~= token then
        return -6
    end
    if not held and not is_active(id) then
        return -2
    end
    call('SET', key .. ':lock', token, 'PX', lock_ms)
    try('SREM', stalled, id)
    job[9], job[10] = id, 0
    return job
end

local function schedule(at)
    local problem = foreign_key()
    if problem then
        return problem
    end
    add_series_job(at + 1)
end

local steps = {
    R = {retry, 10}, D = {delay, 10}, B = {release, 7}, S = {stall_one, 10},
    P = {note, 5}, L = {note, 4}, U = {note, 4},
    T = {take, 2}, X = {untake, 2}, A = {adopt, 3}, Q = {schedule, 1 + SERIES_ARGS},
}

-- One effect; what Redis refuses of it is its own answer. Raises what refuses the whole call.
local function step(at, op)
    local run = steps[op]
    local is_fine, what = pcall(run[1], at, op)
    effect = effect + 1
    if not is_fine then
        local text = error_text(what)
        if is_refusal(text) then
            error(what, 0)
        end
        what = text
    end
    if what and what ~= DONE then
        answer(effect, what)
    end
    return at + run[2]
end

-- Due jobs to waiting, the first due first. Returns the next score and whether more are due.
local function promote(max)
    local ids = call('ZRANGEBYSCORE', delayed, 0, now * 4096, 'LIMIT', 0, max)
    if #ids > 0 then
        local list, channel = waiting_list(), P .. 'waiting@' .. speaker
        local is_busy = call('LLEN', active) > 0
        call('LLEN', list) -- a foreign type shows before anything is moved
        call('ZREM', delayed, unpack(ids))
        for _, id in ipairs(ids) do
            local key = P .. id
            local seen = try('HMGET', key, 'priority', 'timestamp', 'data')
            if seen.err or not (seen[2] or seen[3]) then
                dropped = dropped + 1
            else
                if is_busy then
                    call('LREM', active, 0, id)
                end
                line_up(id, rank_of(seen[1]), 'LPUSH')
                call('PUBLISH', channel, id)
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

local function keep(job)
    if type(job) == 'table' then
        jobs[#jobs + 1] = job
    elseif job == MISSING then
        dropped = dropped + 1
    end
end

-- Under a limiter each job is asked for alone, because each may be parked. Returns whether nothing
-- more waits.
local function fetch_limited(max)
    for _ = 1, 256 do
        if #jobs >= max then
            return false
        end
        local id = call('RPOPLPUSH', wait, active)
        if not id then
            return true
        end
        local job, ms = lease(id)
        if job == PARKED and limit_bounces then
            put_back(id)
            rest(ms)
            return false
        end
        keep(job)
    end
    return false
end

local function fetch(max)
    if limit_max > 0 then
        return fetch_limited(max)
    end
    local ids = call('LRANGE', wait, -max, -1)
    local n = #ids
    if n == 0 then
        return true
    end
    local order = {}
    for i = 1, n do
        order[i] = ids[n + 1 - i]
    end
    call('LPUSH', active, unpack(order))
    call('LTRIM', wait, 0, -n - 1)
    try('ZREM', priority, unpack(order))
    for i = 1, n do
        keep(lease(order[i]))
    end
    return n < max
end

-- Effects that are done must be answered, so what goes wrong behind them waits for a call of its own.
local AGAIN_MS = 1000
local function attempt(f, max)
    local is_fine, first, second = pcall(f, max)
    if is_fine then
        return first, second
    end
    if effect == 0 then
        error(first, 0)
    end
    rest(AGAIN_MS)
    return false, 0
end

local function commit()
    local at, op = 13, ARGV[13]
    while op do
        if op == 'C' then
            at = finish(at, false)
        elseif op == 'N' then
            at = renew(at)
        elseif op == 'F' then
            at = finish(at, true)
        else
            at = step(at, op)
        end
        op = ARGV[at]
    end

    local promote_max, fetch_max = tonumber(ARGV[7]), tonumber(ARGV[6])
    local next, more, is_drained = false, 0, 0
    if promote_max > 0 then
        next, more = attempt(promote, promote_max)
    end
    if fetch_max > 0 and attempt(fetch, fetch_max) then
        is_drained = 1
        if token_number == token_first then
            call('PUBLISH', P .. 'drained', '')
        end
    end
    return {jobs, answers, next, more, is_drained, rest_ms, dropped}
end

local is_fine, result = pcall(commit)
if is_fine then
    return result
end
return redis.error_reply(error_text(result))
