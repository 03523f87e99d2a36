-- How many jobs wait, and for how long the oldest has. Reads only, and no more than two jobs,
-- however many wait: the one that is fetched next, and the first behind those with a priority. They
-- are the oldest but where jobs were added at the front (lifo), behind which older ones hide.
--
-- KEYS[1]  the wait list
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  wall clock, ms
-- Result: {waiting, ms the oldest has waited}

--- @include inspect
--- @include due

local prefix, now = ARGV[1], tonumber(ARGV[2])

-- When a job came to where it waits, as far as its hash tells: added or due, or begun before.
local function since(id)
    local job = id and redis.pcall('HMGET', prefix .. id, 'timestamp', 'processedOn', 'retriedOn', 'opts')
    if not job or job.err then
        return now
    end
    local at = due(job[4], tonumber(job[1]) or now)
    for i = 2, 3 do
        local later = tonumber(job[i])
        if later and later > at then at = later end
    end
    -- Hashes hold what producers wrote: also numbers that are none, and times to come.
    return at > 0 and at < now and at or now
end

local waiting = redis.pcall('LLEN', KEYS[1])
if type(waiting) == 'table' then
    return {err = explain(waiting, KEYS[1])}
end
if waiting == 0 then
    return {0, 0}
end
local at = since(redis.call('LINDEX', KEYS[1], -1))
local ahead = redis.pcall('ZCARD', prefix .. 'priority')
if type(ahead) == 'number' and ahead > 0 then
    at = math.min(at, since(redis.call('LINDEX', KEYS[1], -1 - ahead)))
end
return {waiting, now - at}
