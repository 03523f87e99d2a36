-- The steps of a commit that plain jobs do without. Included by commit.lua, in whose names it is
-- written.
--- @include check
--- @include active
local limit_ms, limit_bounces, limit_groups = tonumber(ARGV[10]), ARGV[11] == '1', ARGV[12] == '1'
--- @include limit
--- @include stall
--- @include add

-- Takes out of a run of finish() those that have a code in `refused`, and answers them.
local function sift(run, refused)
    local numbers, m = run.numbers or {}, 0
    for i = 1, run.n do
        local number = run.numbers and numbers[i] or i
        local code = refused[i]
        if not code then
            m = m + 1
            numbers[m], run.ids[m], run.keys[m], run.locks[m] = number, run.ids[i], run.keys[i], run.locks[i]
        elseif code ~= DONE then
            answer(run.before + number, code)
        end
    end
    run.n, run.numbers = m, numbers
end

-- An effect met a key of a foreign type: is it one of the queue's, or only the job's?
local function look_for_foreign(text)
    if type(text) == 'string' and text:find('^WRONGTYPE') then
        return foreign_key() or text
    end
    return text
end

-- Answers all of a run, which is empty then.
local function refuse(run, code)
    code = look_for_foreign(error_text(code))
    for i = 1, run.n do
        answer(run.before + (run.numbers and run.numbers[i] or i), code)
    end
    run.n = 0
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
            elseif not is_untouched(place + 2, seen) or not is_active(id) then
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

local function held_by(key)
    return call('MGET', key .. ':lock')[1] -- MGET takes a key of another type for absent
end

-- Checks one of R, D, W, B and S and takes it out of active. Returns its key and some fields, or nil
-- and the answer. A job that is not active still loses the lock, as with Bull.
local function withdraw(at, attempts)
    local id = ARGV[at + 1]
    local key, is_resent = P .. id, ARGV[at + 3] == '1'
    local problem = foreign_key()
    if problem then
        return nil, problem
    end
    local seen = try('HMGET', key, 'priority', 'deid')
    if seen.err then
        return nil, seen.err
    end
    if call('EXISTS', key) == 0 then
        return nil, is_resent and DONE or -1
    end
    local held = held_by(key)
    if held ~= ARGV[at + 2] then
        local code = lock_answer(at + 1, held, is_resent, at + 4, attempts)
        if code then
            return nil, code
        end
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
    line_up(ARGV[at + 1], rank_of(seen[1]), ARGV[at + 9])
end

local function delay_until(id, score)
    call('ZADD', delayed, score, id)
    call('PUBLISH', delayed, score / 4096)
end

local function delay(at)
    local key, seen = withdraw(at, tonumber(ARGV[at + 8]))
    if not key then
        return seen
    end
    charge(key, at)
    delay_until(ARGV[at + 1], ARGV[at + 9])
end

local function postpone(at)
    local key, seen = withdraw(at, 0)
    if not key then
        return seen
    end
    delay_until(ARGV[at + 1], ARGV[at + 6])
end

local function release(at)
    local key, seen = withdraw(at, 0)
    if not key then
        return seen
    end
    if ARGV[at + 6] == '1' then
        call('HDEL', key, 'processedOn')
    end
    line_up_again(ARGV[at + 1], rank_of(seen[1]))
end

local function stall_one(at)
    local id = ARGV[at + 1]
    local key, seen = withdraw(at, nil)
    if key then
        local has_failed = stall(id, tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8]),
            ARGV[at + 9], seen[2])
        return has_failed and 1 or nil
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
    local held = held_by(key)
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

local function adopt(at)
    local id, token = ARGV[at + 1], ARGV[at + 2]
    local key = P .. id
    local job = read_job(key)
    if not is_job(job) then
        return job.err or -1
    end
    local held = held_by(key)
    if held and held ~= token then
        return -6
    end
    if not held and not is_active(id) then
        return -2
    end
    call('SET', key .. ':lock', token, 'PX', lock_ms)
    try('SREM', stalled, id)
    job[8], job[9], job[10] = id, token, call('HGET', key, 'processedOn')
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
    R = {retry, 10}, D = {delay, 10}, W = {postpone, 7}, B = {release, 7}, S = {stall_one, 10},
    P = {note, 5}, L = {note, 4}, U = {note, 4},
    T = {take, 2}, X = {untake, 2}, A = {adopt, 3}, Q = {schedule, 1 + SERIES_ARGS},
}

-- Z: no effect, but where the jobs go that fail from here on. Returns what is behind it.
local function begin_dead(at)
    --- @include dead
    dead = open_dead(at + 1)
    return at + 5 + tonumber(ARGV[at + 4])
end

-- Counts a crash of the job of a K at `at`. Whether that was one too many.
local function crashed_too_often(at)
    local key = P .. ARGV[at + 1]
    if held_by(key) ~= ARGV[at + 2] then
        return false -- counted by an earlier call, or not ours: what is behind finds out
    end
    local times = try('HINCRBY', key, 'crashes', 1)
    if type(times) == 'table' then -- no number was there
        times = 1
        call('HSET', key, 'crashes', 1)
    end
    return times >= tonumber(ARGV[at + 3])
end

-- K: as step().
local function step_crash(at, step)
    local retry_at = at + 4
    local fail_at = retry_at + steps[ARGV[retry_at]][2]
    local is_resent = ARGV[fail_at + 2] == '1'
    local behind, answered = fail_at + (is_resent and 14 or 12), #answers
    local is_fine, is_last = pcall(crashed_too_often, at)
    if not is_fine and is_refusal(error_text(is_last)) then
        return nil, error_text(is_last)
    end
    if is_fine and is_last then
        finish(fail_at, true)
        if #answers == answered then
            try('HDEL', P .. ARGV[at + 1], 'crashes') -- who retries it by hand begins anew
            answer(effect, 1)
        end
        return behind
    end
    local _, refusal = step(retry_at, ARGV[retry_at])
    if is_resent and #answers == answered and type(try('ZSCORE', failed, ARGV[at + 1])) == 'string' then
        answer(effect, 1)
    end
    return not refusal and behind, refusal
end

-- One effect; what Redis refuses of it is its own answer. Returns where the next one begins, and an
-- error text when the whole call is refused.
local function step(at, op)
    if op == 'Z' then
        return begin_dead(at)
    elseif op == 'K' then
        return step_crash(at, step)
    end
    local run = steps[op]
    local is_fine, what = pcall(run[1], at, op)
    effect = effect + 1
    if not is_fine then
        what = error_text(what)
        if is_refusal(what) then
            return nil, what
        end
        what = look_for_foreign(what)
    end
    if what and what ~= DONE then
        answer(effect, what)
    end
    return at + run[2]
end

-- A due job should not be active, too. Of a longer list only the newest are looked at.
local RUNNING_MAX = 5000

-- Due jobs to waiting, the first due first. Returns the next score and 1 when more are due.
local function promote(max)
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

-- Those that a fetch took and did not lease, to where they were.
local function give_back(order, first, last)
    local ids = {}
    for i = last, first, -1 do
        if call('LREM', active, 1, order[i]) > 0 then
            ids[#ids + 1] = order[i]
        end
    end
    if #ids > 0 then
        call('RPUSH', wait, unpack(ids))
    end
end
