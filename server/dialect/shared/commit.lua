-- One commit: effects in order, then promotion of due jobs, then a fetch.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4 number of the first token  5 lock duration, ms  6 jobs to fetch; -1: only tell whether the queue
--   is drained  7 jobs to promote, 0: do not
--   8 points of metrics, 0: none  9 limiter: max, 0: none  10 its duration, ms
--   11... of the dialect (inc/commit_head.lua), then effects, each a letter and its arguments:
--   C F  complete, fail: a run with equal options: 1 how many  2 "1": resent  3 of the dialect
--        4 keep count  5 keep age, s (-1: any)  6... each: id, token, value, one of the dialect; F also
--        stack trace, attempts made; resent ones also processedOn, stalls
--   N    renew: a run: 1 how many  2... each: id, token, processedOn, stalls
--   R D W B S  retry, delay, postpone, release, stall: 1 id  2 token  3 "1": resent  4 processedOn
--        5 stalls, then R D: 6 reason  7 stack trace  8 attempts made; more: inc/commit_moves.lua
--   K    a retry after a crash: 1 id  2 token  3 crashes allowed  4... R or D, then an F for one job:
--        the one or the other is carried out, and is one effect
--   P L U  progress, log, update: 1 id  2 token  3 value; more: inc/commit_moves.lua
--   A    adopt: 1 id  2 token
--   Z    not an effect: jobs that fail in those behind it become dead letters, too: 1... arguments
--        of open_dead (inc/dead.lua)
--   others: inc/commit_moves.lua
-- Result:
--   1 leased jobs, each: fields of inc/job.lua
--   2 what came of effects that are not plainly done: number of the effect, then a code (-1 missing,
--     -2 -6 lock lost, -3 not active, -4 children are pending, -9 one has failed, 1 failed instead,
--     2 not put off, waits again), an error text, or a job
--   3 score of the next delayed job (nil: none)  4 1: more are due  5 1: nothing more waits
--   6 ms to rest  7 ids dropped because their job is missing  8 which key of the queue has a foreign
--     type and so refused effects (nil: none); nothing was fetched then
--   9 with Z: how many dead letters were written, or an error text that says why they were not
--   10 a job that has ended, and an error text: who is tied to it could not be told (nil: all were)
-- Tokens are numbered in the order of the jobs in the result: taken ones first, then leased ones.
--
-- This is the hot path. A function costs at every call of the script, whether it is used or not, so
-- what a call that completes and fetches plain jobs can do without is made only when it is asked
-- for: endings() and others(). For the same reason what the dialects do differently for each job is
-- included where it happens, in the names of the function around it.
--- @include base
local token_number, lock_ms = tonumber(ARGV[4]), ARGV[5]
local limit_max, metrics_points = tonumber(ARGV[9]), tonumber(ARGV[8])
local jobs, answers, dropped, parked, rest_ms = {}, {}, 0, 0, 0
local effect, dead, untold = 0, nil, false
--- @include job
--- @include commit_head

local function answer(index, what)
    local n = #answers
    answers[n + 1], answers[n + 2] = index, what
end

local others
--- @include finish

local MISSING, PARKED, DOUBLE, DONE = -1, 0, -6, 'done'

-- Leases an id that is in active: the fields of its job, or MISSING (no such job: the id goes),
-- PARKED (with the ms to rest), DOUBLE (a second entry of an id that somebody works on: it goes).
local function lease(id)
    local key = P .. id
    local job = read_job(key)
    if not is_job(job) then
        others().drop(id, job)
        return MISSING
    end
    --- @include lease_limit
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
    --- @include lease_begin
    token_number = token_number + 1
    job[JOB_ID] = id
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
    local n, is_resent = tonumber(ARGV[at + 1]), ARGV[at + 2] == '1'
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
    --- @include end_look
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
    --- @include end_check

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
        --- @include end_write
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
    --- @include end_ties
    if goes then
        --- @include end_erase
    elseif keep_count > 0 or keep_age >= 0 then
        endings().prune(set, keep_count, keep_age, ARGV[at + 3])
    end
    call('DEL', unpack(locks, 1, run.n))
    if metrics_points > 0 then
        endings().measure(has_failed and 'failed' or 'completed', run.n, metrics_points)
    end
    for j = 1, run.n do
        local place = first + ((numbers and numbers[j] or j) - 1) * stride
        --- @include end_tell
    end
    return behind
end

-- So many bytes of data and options end a fetch with fewer jobs than asked for; one job alone may be larger.
local FETCH_BYTES_MAX = 2097152
local fetched_bytes = 0
local function is_fetch_full(job)
    if type(job) == 'table' then
        fetched_bytes = fetched_bytes + #(job[2] or '') + #(job[3] or '')
    end
    return fetched_bytes >= FETCH_BYTES_MAX
end

--- @include fetch

local other
others = function()
    if not other then
        --- @include commit_other
        --- @include commit_moves
        --- @include commit_step
        other = moves
        other.lock_answer, other.renew, other.step, other.sift, other.refuse = lock_answer, renew, step, sift, refuse
        other.obstacle, other.explain, other.give_back = obstacle, explain, give_back
    end
    return other
end

local at, op = EFFECTS_AT, ARGV[EFFECTS_AT]
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
    local is_fine, first, second = pcall(promote or others().promote, promote_max)
    if is_fine then
        next, more = first, second
    elseif effect == 0 then
        return redis.error_reply(others().explain(first))
    end
end
if fetch_max > 0 and not obstacle then
    local is_fine, what = pcall(fetch, fetch_max)
    if is_fine then
        is_drained = what
    elseif effect == 0 and token_number == token_first then
        return redis.error_reply(others().explain(what))
    else
        rest_ms = AGAIN_MS
    end
end
--- @include tell_drained
return {jobs, answers, next, more, is_drained and 1 or 0, rest_ms, dropped, obstacle,
    dead and dead.answer() or false, untold}
