-- Reading jobs.
--- @include base

local STALLED_FIELD, MADE_FIELD, JOB_ID = 'stc', 'atm', 13

-- Fields of a job, in the order of the C side: those asked for here, 12 stack trace, 13 id (set by the
-- caller); of one that was active before also 14 token and 15 processedOn. It is done for every job, so
-- a stack trace is asked for only where an attempt was made.
local function read_job(key)
    local job = try('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'stc', 'atm', 'ats', 'attemptsMade', 'defa',
        'rjk', 'parentKey')
    job[12] = (job[6] or job[8]) and call('HGET', key, 'stacktrace')
    return job
end

local function is_job(job)
    return job[1] or job[2] or job[3] or job[4]
end
