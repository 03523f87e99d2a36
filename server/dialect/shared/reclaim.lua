-- What a daemon leased and never learned of, because the reply to its fetch was lost: the newest
-- active jobs whose lock carries its token. It may hold some of them by now; it sorts them out.
--
-- KEYS and ARGV 1 to 3: inc/base.lua (3: the token that the locks begin with).
-- Result: jobs, each: fields of inc/job.lua, then its whole token and processedOn

-- A fetch leases at most 256 jobs and puts them at the head of active.
local ACTIVE_MAX, JOBS_MAX, BATCH = 5000, 512, 500
--- @include base
--- @include job

local jobs, mine = {}, speaker .. ':'
local ids = call('LRANGE', active, 0, ACTIVE_MAX - 1)
for first = 1, #ids, BATCH do
    local last, locks = math.min(first + BATCH - 1, #ids), {}
    for i = first, last do
        locks[#locks + 1] = P .. ids[i] .. ':lock'
    end
    local held = call('MGET', unpack(locks))
    for i = first, last do
        local token = held[i - first + 1]
        if token and token:sub(1, #mine) == mine and #jobs < JOBS_MAX then
            local job = read_job(P .. ids[i])
            if is_job(job) then
                job[JOB_ID], job[JOB_ID + 1], job[JOB_ID + 2] = ids[i], token, call('HGET', P .. ids[i], 'processedOn')
                jobs[#jobs + 1] = job
            end
        end
    end
end
return jobs
