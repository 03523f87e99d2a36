-- One commit: effects in order, then promotion of due jobs, then a fetch.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4 number of the first token  5 lock duration, ms  6 jobs to fetch; -1: only tell whether the queue
--   is drained  7 jobs to promote, 0: do not
--   8 points of metrics, 0: none  9 limiter: max, 0: none  10 its duration, ms
--   11 "1": bounce back  12 "1": by group  13... effects, each a letter and its arguments:
--   C F  complete, fail: a run with equal options: 1 how many  2 "1": resent  3 "1": debounced
--        4 keep count  5 keep age, s (-1: any)  6... each: id, token, value, message; F also stack
--        trace, attempts made; resent ones also processedOn, stalledCounter
--   N    renew: a run: 1 how many  2... each: id, token, processedOn, stalledCounter
--   R D W B S  retry, delay, postpone, release, stall: 1 id  2 token  3 "1": resent  4 processedOn
--        5 stalledCounter, then
--        R: 6 reason  7 stack trace  8 attempts made  9 LPUSH or RPUSH
--        D: 6 reason  7 stack trace  8 attempts made  9 score
--        W: 6 score
--        B: 6 "1": never started before
--        S: 6 stalls allowed  7 keep count  8 keep age  9 message
--   K    a retry after a crash: 1 id  2 token  3 crashes allowed  4... R or D, then an F for one job:
--        the one or the other is carried out, and is one effect
--   P L U  progress, log, update: 1 id  2 token  3 value; P: 4 message
--   T    take: 1 id          X  untake: 1 id          A  adopt: 1 id  2 token
--   Q    schedule: 1... arguments of add_series_job (inc/add.lua)
--   Z    not an effect: jobs that fail in those behind it become dead letters, too: 1... arguments
--        of open_dead (inc/dead.lua)
-- Result:
--   1 leased jobs, each: fields of inc/job.lua
--   2 what came of effects that are not plainly done: number of the effect, then a code (-1 missing,
--     -2 -6 lock lost, -3 not active, 1 failed instead), an error text, or a job
--   3 score of the next delayed job (nil: none)  4 1: more are due  5 1: nothing more waits
--   6 ms to rest  7 ids dropped because their job is missing  8 which key of the queue has a foreign
--     type and so refused effects (nil: none); nothing was fetched then
--   9 with Z: how many dead letters were written, or an error text that says why they were not
-- Tokens are numbered in the order of the jobs in the result: taken ones first, then leased ones.
--
-- This is the hot path. A function costs at every call of the script, whether it is used or not, so
-- what a call that completes and fetches plain jobs can do without is made only when it is asked
-- for: endings() and others().
--- @include base
local token_number, lock_ms = tonumber(ARGV[4]), ARGV[5]
local limit_max, metrics_points = tonumber(ARGV[9]), tonumber(ARGV[8])
local active_channel = active .. '@' .. speaker
local jobs, answers, dropped, parked, rest_ms = {}, {}, 0, 0, 0
local effect, dead = 0, nil
--- @include job

local function answer(index, what)
    local n = #answers
    answers[n + 1], answers[n + 2] = index, what
end

--- @include finish

local others

local MISSING, PARKED, DOUBLE, DONE = -1, 0, -6, 'done'

-- Leases an id that is in active: the fields of its job, or MISSING (no such job: the id goes),
-- PARKED (with the ms to rest), DOUBLE (a second entry of an id that somebody works on: it goes).
local function lease(id)
    local key = P .. id
    local job = read_job(key)
    if not is_job(job) then
        call('LREM', active, 1, id)
        return MISSING
    end
    if limit_max > 0 then
        local rest = others().limit(id)
        if rest then
            return PARKED, rest
        end
    end
    local lock, token = key .. ':lock', speaker .. ':' .. token_number
    if not call('SET', lock, token, 'PX', lock_ms, 'NX') then
        -- Locked while it waited: left over from Bull 3, or it is in the lists twice.
        local entries = call('LREM', active, 0, id)
        call('LPUSH', active, id)
        if entries > 1 then
            return DOUBLE
        end
        call('SET', lock, token, 'PX', lock_ms)
    end
    call('PUBLISH', active_channel, id)
    call('HSET', key, 'processedOn', now)
    token_number = token_number + 1
    job[8] = id
    return job
end

-- Notes what the fetch got.
local function note_job(job)
    if type(job) == 'table' then
        jobs[#jobs + 1] = job
    elseif job == PARKED then
        parked = parked + 1
    elseif job == MISSING then
        dropped = dropped + 1
    end
end

-- Takes the last entry of each id out of active. Returns an error text, and codes by number for
-- those that are not there (nil: all were). Jobs mostly end in about the order they began: then they
-- are the tail as it is.
local function leave_active(ids, n)
    if n > 2 then
        local tail, same = try('LRANGE', active, -n, -1), 0
        while same < n and tail[n - same] == ids[same + 1] do
            same = same + 1
        end
        if same < n and #tail == n then
            local mine = {}
            for i = same + 1, n do
                mine[ids[i]] = true
            end
            while same < n and mine[tail[n - same]] do
                mine[tail[n - same]] = nil
                same = same + 1
            end
        end
        if same == n then
            call('LTRIM', active, 0, -n - 1)
            return nil, nil
        end
    end
    local absent
    for i = 1, n do
        local count = try('LREM', active, -1, ids[i])
        if type(count) == 'table' then
            return count.err
        elseif count == 0 then
            absent = absent or {}
            absent[i] = -3
        end
    end
    return nil, absent
end

-- C and F. What can be refused comes before what cannot be undone; a job that is refused leaves the
-- run, and the rest goes on together.
local function finish(at, has_failed)
    local n, is_resent, is_debounced = tonumber(ARGV[at + 1]), ARGV[at + 2] == '1', ARGV[at + 3] == '1'
    local keep_count, keep_age = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
    local stride = (has_failed and 6 or 4) + (is_resent and 2 or 0)
    local set, first = has_failed and failed or completed, at + 6
    local behind = first + n * stride
    local ids, keys, locks = {}, {}, {}
    local run = {n = n, ids = ids, keys = keys, locks = locks, before = effect}
    effect = effect + n
    for i = 1, n do
        local id = ARGV[first + (i - 1) * stride]
        local key = P .. id
        ids[i], keys[i], locks[i] = id, key, key .. ':lock'
    end

    -- Who may.
    local held, refused = call('MGET', unpack(locks)), nil
    local are_there = call('EXISTS', unpack(keys)) == n
    for i = 1, n do
        local place, code = first + (i - 1) * stride, nil
        if not are_there and call('EXISTS', keys[i]) == 0 then
            code = is_resent and DONE or -1
        elseif held[i] ~= ARGV[place + 1] then
            local attempts = has_failed and tonumber(ARGV[place + 5])
            code = others().lock_answer(place, held[i], is_resent, place + stride - 2, attempts)
        end
        if code then
            refused = refused or {}
            refused[i] = code
        end
    end
    if refused then
        others().sift(run, refused)
    end

    -- Out of active. Who is not there loses the lock, as with Bull.
    if run.n > 0 then
        local problem, absent = try('SREM', stalled, unpack(ids, 1, run.n)), nil
        if has_failed and type(problem) ~= 'table' then
            problem = try('ZCARD', set)
        end
        problem = type(problem) == 'table' and problem.err
        if not problem then
            problem, absent = leave_active(ids, run.n)
        end
        if problem then
            others().refuse(run, problem)
        elseif absent then
            for i in pairs(absent) do
                call('DEL', locks[i])
            end
            others().sift(run, absent)
        end
    end

    -- Into the hash and the set. What has a foreign type goes back.
    local scored, numbers, goes = {}, run.numbers, keep_count == 0
    refused = nil
    for j = 1, goes and 0 or run.n do
        local place, written = first + ((numbers and numbers[j] or j) - 1) * stride, nil
        if has_failed then
            written = try('HSET', keys[j], 'stacktrace', ARGV[place + 4], 'failedReason', ARGV[place + 2],
                'attemptsMade', ARGV[place + 5], 'finishedOn', now)
        else
            written = try('HSET', keys[j], 'returnvalue', ARGV[place + 2], 'finishedOn', now)
        end
        if type(written) == 'table' then
            call('RPUSH', active, ids[j])
            refused = refused or {}
            refused[j] = written.err
        else
            local k = #scored
            scored[k + 1], scored[k + 2] = now, ids[j]
        end
    end
    if refused then
        others().sift(run, refused)
    end
    if #scored > 0 then
        local added = try('ZADD', set, unpack(scored))
        if type(added) == 'table' then
            for j = 1, run.n do
                call('RPUSH', active, ids[j])
                call('HDEL', keys[j], 'returnvalue', 'finishedOn')
            end
            others().refuse(run, added.err)
        end
    end
    if run.n == 0 then
        return behind
    end

    -- Done; what goes with it.
    numbers = run.numbers
    if dead and has_failed then
        for j = 1, run.n do
            local place = first + ((numbers and numbers[j] or j) - 1) * stride
            dead.bury(ids[j], keys[j], ARGV[place + 2], ARGV[place + 4], ARGV[place + 5])
        end
    end
    if is_debounced then
        for j = 1, run.n do
            endings().free_debounce(try('HGET', keys[j], 'deid'))
        end
    end
    if goes then
        call('DEL', unpack(keys, 1, run.n))
        for j = 1, run.n do
            keys[j] = keys[j] .. ':logs'
        end
        call('DEL', unpack(keys, 1, run.n))
    elseif keep_count > 0 or keep_age >= 0 then
        endings().prune(set, keep_count, keep_age)
    end
    call('DEL', unpack(locks, 1, run.n))
    if metrics_points > 0 then
        endings().measure(has_failed and 'failed' or 'completed', run.n, metrics_points)
    end
    for j = 1, run.n do
        call('PUBLISH', set, ARGV[first + ((numbers and numbers[j] or j) - 1) * stride + 3])
    end
    return behind
end

-- So many bytes of data end a fetch with fewer jobs than asked for; one job alone may be larger.
local FETCH_BYTES_MAX = 2097152
local fetched_bytes = 0
local function is_fetch_full(job)
    if type(job) == 'table' and job[2] then
        fetched_bytes = fetched_bytes + #job[2]
    end
    return fetched_bytes >= FETCH_BYTES_MAX
end

-- Returns whether nothing more waits.
local function fetch(max)
    if limit_max > 0 then
        return others().fetch(max)
    end
    local order, n = {}, 1
    if max == 1 then
        order[1] = call('RPOPLPUSH', wait, active) or nil
    else
        local ids = call('LRANGE', wait, -max, -1)
        n = #ids
        for i = 1, n do
            order[i] = ids[n + 1 - i]
        end
    end
    if not order[1] then
        return true
    end
    if max > 1 then -- what RPOPLPUSH would do, n times
        call('LPUSH', active, unpack(order))
        call('LTRIM', wait, 0, -n - 1)
    end
    local last = 0
    repeat
        last = last + 1
        local job = lease(order[last])
        note_job(job)
    until last == n or is_fetch_full(job)
    try('ZREM', priority, unpack(order, 1, last))
    if last < n then
        others().give_back(order, last + 1, n)
        return false
    end
    return n < max
end

local other
others = function()
    if not other then
        --- @include commit_other
        other = {
            lock_answer = lock_answer, limit = limit, fetch = fetch_limited, promote = promote,
            renew = renew, step = step, obstacle = obstacle, error_text = error_text, give_back = give_back, sift = sift, refuse = refuse,
        }
    end
    return other
end

local at, op = 13, ARGV[13]
while op do
    local refusal
    if op == 'C' then
        at = finish(at, false)
    elseif op == 'F' then
        at = finish(at, true)
    elseif op == 'N' then
        at = others().renew(at)
    else
        at, refusal = others().step(at, op)
    end
    if refusal then
        return redis.error_reply(refusal)
    end
    op = ARGV[at]
end

-- Effects that a foreign key refused are tried again; until they are done, more jobs would only join
-- them.
local obstacle = other and other.obstacle() or false

-- Effects that are done must be answered: what goes wrong behind them shows in the next call, which
-- has none.
local AGAIN_MS = 1000
local promote_max, fetch_max, token_first = tonumber(ARGV[7]), tonumber(ARGV[6]), tonumber(ARGV[4])
local next, more, is_drained = false, 0, false
if promote_max > 0 then
    local is_fine, first, second = pcall(others().promote, promote_max)
    if is_fine then
        next, more = first, second
    elseif effect == 0 then
        return redis.error_reply(others().error_text(first))
    end
end
if fetch_max > 0 and not obstacle then
    local is_fine, what = pcall(fetch, fetch_max)
    if is_fine then
        is_drained = what
    elseif effect == 0 then
        return redis.error_reply(others().error_text(what))
    else
        rest_ms = AGAIN_MS
    end
    if is_drained and parked == 0 and token_number == token_first then
        call('PUBLISH', P .. 'drained', '')
    end
elseif fetch_max < 0 and try('LLEN', wait) == 0 then
    call('PUBLISH', P .. 'drained', '')
end
return {jobs, answers, next, more, is_drained and 1 or 0, rest_ms, dropped, obstacle,
    dead and dead.answer()}
