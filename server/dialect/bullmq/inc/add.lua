-- Adding one job, to our queue or, in a flow, to another.
--- @include base
--- @include check
--- @include delete
--- @include id
--- @include sound
--- @include store

-- ARGV from `at`: 0 letters that say what stands behind the next four, in this order:
--      q base of its queue (none: ours)  i its id  t delay  r priority  d deduplication: id, ttl or "",
--      mode (inc/admit.lua)  p parent: key, JSON; and, with nothing behind, l: lifo  c: it waits for
--      children
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
    job.side, job.waits = letters:find('l', 1, true) and 'R' or 'L', letters:find('c', 1, true)
    local delay = tonumber(job.delay)
    job.due = delay > 0 and job.timestamp + delay
    return job, at
end

-- What could go wrong half-way is asked for before the first write.
local function need_place(job)
    local base = job.base
    need_sound(base, 'meta')
    need_sound(base, 'events')
    need_sound(base, 'marker')
    if meta_of(base)[1] then
        need_sound(base, 'paused')
    end
    need_sound(base, job.waits and 'waiting-children' or job.due and 'delayed' or job.rank ~= '0' and 'prioritized' or 'wait')
end

-- Whether the parent is there; asked once for all of its children.
local found_parents = {}
local function has_parent(key)
    if found_parents[key] == nil then
        local problem = foreign(key, 'hash') or foreign(key .. ':dependencies', 'set') or
            foreign(key .. ':processed', 'hash')
        if problem then
            error({err = problem})
        end
        found_parents[key] = call('EXISTS', key) == 1
    end
    return found_parents[key]
end

-- Whether there is a job with this id.
local function is_taken(base, id)
    local kind = call('TYPE', base .. id).ok
    if kind ~= 'none' and kind ~= 'hash' then
        error({err = 'WRONGTYPE ' .. base .. id .. ' is a ' .. kind .. ', not a hash'})
    end
    return kind == 'hash'
end

-- Behind id: fields and values that not every job has.
local function put(job, id, ...)
    local base = job.base
    store(base, id, job.name, job.data, job.opts, job.timestamp, job.delay, job.rank, ...)
    if job.waits then
        call('ZADD', base .. 'waiting-children', job.timestamp, id)
        emit_to(base, true, 'waiting-children', 'jobId', id)
    else
        enqueue(base, id, job.due, tonumber(job.rank), job.side)
    end
end

-- A job that is there stays as it is, but gets a parent where it has none that lives. Returns what add_job
-- does; `release`, called with key and JSON of the parent when the job has completed, before that is told.
local function add_duplicate(job, id, release)
    local key, parent_key = job.base .. id, job.parent_key
    if parent_key then
        local seen = call('HMGET', key, 'parentKey', 'returnvalue')
        if seen[1] and seen[1] ~= parent_key and call('EXISTS', seen[1]) == 1 then
            return {-7, seen[1]}
        end
        if not call('ZSCORE', job.base .. 'completed', id) then
            call('SADD', parent_key .. ':dependencies', key)
        else
            call('HSET', parent_key .. ':processed', key, seen[2] or 'null')
            release(parent_key, job.parent)
        end
        call('HSET', key, 'parentKey', parent_key, 'parent', job.parent)
    end
    emit_to(job.base, true, 'duplicated', 'jobId', id)
    return id
end

-- What only some calls need is made when it is first asked for.
local parent_release
local function release_parent(key, json)
    if not parent_release then
        --- @include parent
        parent_release = parents().release_if_done
    end
    parent_release(key, json)
end
