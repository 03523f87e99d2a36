-- Adds jobs, in order.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV 4: "1": they are one flow, which is added as a whole, parents
-- first; 5...: arguments of read_add (inc/add.lua), a job after the other.
-- Result: for each job its id, or {code, key} where the job cannot have its parent (add_job; -1: in a
-- flow, its parent was refused itself), or {error text}
--- @include base
--- @include check
--- @include add

local is_flow, jobs, at = ARGV[4] == '1', {}, 5
while ARGV[at] do
    local job
    job, at = read_add(at)
    jobs[#jobs + 1] = job
end

-- A flow is added as a whole or not at all: what may be in its way is looked for before.
if is_flow then
    local is_fine, problem = pcall(function()
        for _, job in ipairs(jobs) do
            need_all_sound(job.base)
        end
    end)
    if not is_fine then
        return redis.error_reply(error_text(problem))
    end
end

local answers, refused = {}, {}
for n, job in ipairs(jobs) do
    local is_fine, answer = true, {-1, job.parent_key}
    if not refused[job.parent_key or ''] then
        is_fine, answer = pcall(add_job, job)
    end
    if not is_fine then
        answer = error_text(answer)
        if n == 1 or is_refusal(answer) then
            return redis.error_reply(answer)
        end
        answer = {answer}
    end
    if is_flow and type(answer) == 'table' then
        refused[job.base .. job.id] = true
    end
    answers[n] = answer
end
release(flow_parents)
return answers
