-- How long the jobs that ended last had waited and run. Reads only.
--
-- KEYS[1]  the sorted set of those that ended: completed or failed
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  "1": they failed
-- ARGV[3]  first position from the newest, from 0
-- ARGV[4]  number of jobs at the most
-- Result: {jobs that were looked at, wait ms or -1, run ms or -1, ...}; -1: its hash does not tell.
--   The wait of a job that was tried again is not known: only its last begin is stored.

--- @include inspect
--- @include due
--- @include tries

local prefix, is_failed = ARGV[1], ARGV[2] == '1'
local first = tonumber(ARGV[3])

local ids = redis.pcall('ZREVRANGE', KEYS[1], first, first + tonumber(ARGV[4]) - 1)
if ids.err then
    return {err = explain(ids, KEYS[1])}
end

local function span(from, to)
    return from and to and to >= from and to - from or -1
end

local result = {#ids}
for i = 1, #ids do
    local job = redis.pcall('HMGET', prefix .. ids[i], 'timestamp', 'processedOn', 'finishedOn', 'opts',
        unpack(TRIES))
    local wait, run = -1, -1
    if not job.err then
        local added, begun, ended = tonumber(job[1]), tonumber(job[2]), tonumber(job[3])
        run = span(begun, ended)
        if added and ran_once(prefix .. ids[i], is_failed, unpack(job, 5)) then
            wait = span(due(job[4], added), begun)
        end
    end
    result[#result + 1] = wait
    result[#result + 1] = run
end
return result
