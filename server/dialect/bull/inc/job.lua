-- Reading jobs.
--- @include base

-- Fields of a leased job, in the order of the C side; behind them id and number of the token.
local function read_job(key)
    return try('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'stacktrace', 'attemptsMade',
        'stalledCounter', 'processedOn')
end

local function is_job(job)
    return not job.err and (job[2] or job[1] or job[3] or job[4])
end
