-- Reading jobs.
--- @include base

-- Fields of a leased job, in the order of the C side; it is done for every job, so what most have
-- not is asked for only when it is there.
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
