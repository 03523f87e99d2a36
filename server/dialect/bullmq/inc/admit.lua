-- Whether a job with a deduplication id may be added. For inc/add.lua, which has what `job` holds: deid,
-- ttl (nil: none) and mode, of which each letter is an option: e extend, r replace, s reschedule,
-- k keepLastIfActive.
--- @include base
--- @include active
--- @include dedup
--- @include delete
--- @include events
--- @include place

local function own(key, id, ttl)
    if ttl then
        call('SET', key, id, 'PX', ttl)
    else
        call('SET', key, id)
    end
end

local function tell(id, deid, loser)
    emit_trimmed('deduplicated', 'jobId', id, 'deduplicationId', deid, 'deduplicatedJobId', loser)
end

-- The owner has not begun: the new job takes its place.
local function replace_owner(key, id, job, owner, extends, ttl)
    delete_job(P .. owner)
    emit('removed', 'jobId', owner, 'prev', 'delayed')
    tell(id, job.deid, owner)
    call('DEL', dedup().kept_key(job.deid))
    if ttl and not extends then
        call('SET', key, id, 'KEEPTTL')
    else
        own(key, id, ttl)
    end
end

-- For when the owner ends; what was kept before is forgotten.
local function keep_for_later(key, id, job, owner)
    local kept = dedup().kept_key(job.deid)
    call('DEL', kept)
    call('HSET', kept, 'name', job.name, 'data', job.data, 'opts', job.opts, 'jid', id)
    call('PERSIST', key)
    tell(owner, job.deid, id)
end

-- nil when it may be added, and owns the id then; else the id of the job that owns it.
local function admit(id, job)
    local mode, deid = job.mode, job.deid
    local extends, keeps_last = mode:find('e', 1, true), mode:find('k', 1, true)
    local replaces, reschedules = mode:find('r', 1, true), mode:find('s', 1, true)
    local key, ttl = dedup().owner_key(deid), not keeps_last and job.ttl
    local owner = call('GET', key)
    if not owner then
        own(key, id, ttl)
        return nil
    end
    if replaces and call('ZREM', delayed, owner) == 1 then
        replace_owner(key, id, job, owner, extends, ttl)
        return nil
    end
    if call('PTTL', key) == -1 and call('EXISTS', P .. owner) == 0 then -- left over
        call('DEL', dedup().kept_key(deid))
        own(key, id, ttl)
        return nil
    end
    if keeps_last and is_active(owner) then
        keep_for_later(key, id, job, owner)
        return owner
    end
    if replaces then
        return owner
    end
    if extends and job.ttl then
        own(key, owner, ttl)
    end
    tell(owner, deid, id)
    if reschedules and call('ZSCORE', delayed, owner) then
        call('HSET', P .. owner, 'delay', job.delay)
        delay_until(owner, job.timestamp + math.max(job.delay, 0))
    end
    return owner
end
