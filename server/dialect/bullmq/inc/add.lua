-- Adding one job, to our queue or, in a flow, to another.
--- @include base
--- @include check
--- @include delete
--- @include id
--- @include sound
--- @include store

-- ARGV from `at`: 0 letters that say what stands behind the next four, in this order:
--      q base of its queue (none: ours)  i its id  t delay  r priority  d deduplication: id, ttl or "",
--      mode (inc/admit.lua)  p parent: key, JSON; and, with nothing behind, l: lifo  f: node of a flow
--      c: node that waits for children
--   1 name  2 data  3 opts  4 timestamp
-- Returns a table, and where the next job begins.
local function read_add(at)
    local letters = ARGV[at]
    local job = {
        base = P, name = ARGV[at + 1], data = ARGV[at + 2], opts = ARGV[at + 3], timestamp = ARGV[at + 4],
        delay = '0', rank = '0', side = 'L',
    }
    at = at + 5
    if letters == '' then
        return job, at
    end
    local function take(letter)
        if letters:find(letter, 1, true) then
            at = at + 1
            return ARGV[at - 1]
        end
    end
    job.base, job.id = take('q') or P, take('i')
    job.delay, job.rank = take('t') or '0', take('r') or '0'
    job.deid = take('d')
    if job.deid then
        job.ttl, job.mode = ARGV[at] ~= '' and ARGV[at], ARGV[at + 1]
        at = at + 2
    end
    job.parent_key = take('p')
    if job.parent_key then
        job.parent = ARGV[at]
        at = at + 1
    end
    job.side = letters:find('l', 1, true) and 'R' or 'L'
    job.is_node, job.waits = letters:find('f', 1, true), letters:find('c', 1, true)
    return job, at
end

-- What only some jobs need is made when it is first asked for.
local admitting
local function admission()
    if not admitting then
        --- @include admit
        admitting = admit
    end
    return admitting
end

-- Lets parents go on, each once, where nothing is left to wait for.
local function release(keys)
    if #keys == 0 then
        return
    end
    --- @include parent
    local seen = {}
    for _, key in ipairs(keys) do
        if not seen[key] then
            seen[key] = true
            parents().release_if_done(key)
        end
    end
end

-- Of a flow's nodes; when all are there, some may find all of their children done.
local flow_parents = {}

-- There is a job with this id. It stays as it is, but gets a parent where it has none that lives.
local function add_duplicate(id, key, job)
    local parent_key = job.parent_key
    if parent_key then
        local seen = call('HMGET', key, 'parentKey', 'returnvalue')
        if seen[1] and seen[1] ~= parent_key and call('EXISTS', seen[1]) == 1 then
            return {-7, seen[1]}
        end
        if not call('ZSCORE', job.base .. 'completed', id) then
            call('SADD', parent_key .. ':dependencies', key)
        else
            call('HSET', parent_key .. ':processed', key, seen[2] or 'null')
            release(job.is_node and {} or {parent_key})
        end
        call('HSET', key, 'parentKey', parent_key, 'parent', job.parent)
    end
    emit_to(job.base, true, 'duplicated', 'jobId', id)
    return id
end

-- What could go wrong half-way is asked for before the first write.
local function need_place(job, due, rank)
    need_sound(job.base, 'meta')
    need_sound(job.base, 'events')
    need_sound(job.base, 'marker')
    need_sound(job.base, job.waits and 'waiting-children' or due and 'delayed' or rank > 0 and 'prioritized' or 'wait')
    if job.parent_key then
        local problem = foreign(job.parent_key, 'hash') or foreign(job.parent_key .. ':dependencies', 'set') or
            foreign(job.parent_key .. ':processed', 'hash')
        if problem then
            error({err = problem})
        end
    end
end

-- Returns the id, that of another job when the new one was deduplicated, or {code, key}: -5 its parent,
-- the key, is missing; -7 it belongs to another parent, the key.
local function add_job(job)
    local base, id, parent_key = job.base, job.id, job.parent_key
    local delay, rank = tonumber(job.delay), tonumber(job.rank)
    local due = delay > 0 and job.timestamp + delay
    need_place(job, due, rank)
    if parent_key then
        if call('EXISTS', parent_key) == 0 then
            return {-5, parent_key}
        end
        flow_parents[#flow_parents + 1] = job.is_node and parent_key or nil
    end
    local number = call('INCR', base .. 'id')
    if not id then
        id = free_id(base, number)
    else
        local problem = foreign(base .. id, 'hash')
        if problem then
            error({err = problem})
        elseif call('EXISTS', base .. id) == 1 then
            return add_duplicate(id, base .. id, job)
        end
    end
    local owner = job.deid and admission()(id, job)
    if owner then
        return owner
    elseif job.deid then
        store(base, id, job.name, job.data, job.opts, job.timestamp, job.delay, job.rank, 'deid', job.deid)
    elseif parent_key then
        store(base, id, job.name, job.data, job.opts, job.timestamp, job.delay, job.rank, 'parentKey', parent_key,
            'parent', job.parent)
    else
        store(base, id, job.name, job.data, job.opts, job.timestamp, job.delay, job.rank)
    end
    if job.waits then
        call('ZADD', base .. 'waiting-children', job.timestamp, id)
        emit_to(base, true, 'waiting-children', 'jobId', id)
    else
        enqueue(base, id, due, rank, job.side)
    end
    if parent_key then
        call('SADD', parent_key .. ':dependencies', base .. id)
    end
    return id
end
