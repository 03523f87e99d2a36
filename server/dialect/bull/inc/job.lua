-- Reading jobs.
--- @include base

local STALLED_FIELD, MADE_FIELD, JOB_ID = 'stalledCounter', 'attemptsMade', 8

-- Fields of a job, in the order of the C side: those asked for here, 7 stack trace, 8 id (set by the
-- caller); of one that was active before also 9 token and 10 processedOn. It is done for every job,
-- so what most have not is asked for only when it is there, and a ninth value would cost more than
-- the first eight.
local function read_job(key)
    local job = try('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'stalledCounter', 'attemptsMade')
    if job[6] then
        job[7] = call('HGET', key, 'stacktrace')
    else
        job[7] = false
    end
    return job
end

local function is_job(job)
    return job[2] or job[1] or job[3] or job[4]
end
