-- The steps of a commit that plain jobs do without, as far as the dialects agree. Included by
-- commit.lua, in whose names it is written, and followed by inc/commit_moves.lua.
--- @include check
--- @include active

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

-- What a call raised, as an error text.
local function explain(problem)
    return look_for_foreign(error_text(problem))
end

-- Answers all of a run, which is empty then.
local function refuse(run, code)
    code = explain(code)
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
            local seen = try('HMGET', P .. id, 'processedOn', STALLED_FIELD)
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

-- Checks one of R, D, W, B, S and their like and takes it out of active. Returns its key and its priority,
-- or nil and the answer. A job that is not active still loses the lock, as with Bull.
local function withdraw(at, attempts)
    local id = ARGV[at + 1]
    local key, is_resent = P .. id, ARGV[at + 3] == '1'
    local problem = foreign_key()
    if problem then
        return nil, problem
    end
    local seen = try('HMGET', key, 'priority')
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
    return key, seen[1]
end

-- What a failed attempt leaves in the hash.
local function charge(key, at)
    call('HSET', key, 'stacktrace', ARGV[at + 7], 'failedReason', ARGV[at + 6], MADE_FIELD, ARGV[at + 8])
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
    job[JOB_ID], job[JOB_ID + 1], job[JOB_ID + 2] = id, token, call('HGET', key, 'processedOn')
    return job
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
