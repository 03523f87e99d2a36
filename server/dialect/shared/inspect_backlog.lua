-- How many jobs wait, and for how long the oldest has. Reads only, and no more than a few jobs,
-- however many wait.
--
-- KEYS[1]  the wait list
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  wall clock, ms
-- Result: {waiting, ms the oldest has waited}

--- @include inspect
--- @include inspect_call
--- @include states
--- @include paused
--- @include ready
--- @include due

local prefix, now = ARGV[1], tonumber(ARGV[2])

-- When a job came to where it waits, as far as its hash tells: added or due, or begun before.
local function since(id)
    local job = redis.pcall('HMGET', prefix .. id, 'timestamp', 'processedOn', 'retriedOn', 'opts')
    if job.err then
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

local ok, result = pcall(function()
    local waiting, ids = look_at_ready(prefix)
    local at = now
    for _, id in ipairs(ids) do
        at = math.min(at, since(id))
    end
    return {waiting, now - at}
end)
return ok and result or {err = result}
