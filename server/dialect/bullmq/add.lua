-- Adds jobs, in order.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV 4...: arguments of read_add (inc/add.lua), a job after the
-- other.
-- Result: for each job its id, or {-5, key}: its parent is missing, {-7, key}: there is a job with this
-- id that belongs to another parent, or {error text}
--- @include base
--- @include check
--- @include add

local admitting
local function admission()
    if not admitting then
        --- @include admit
        admitting = admit
    end
    return admitting
end

-- The id may be that of another job, when the new one was deduplicated.
local function add_job(job)
    local base, id, parent_key = job.base, job.id, job.parent_key
    need_place(job)
    if parent_key and not has_parent(parent_key) then
        return {-5, parent_key}
    end
    local number = call('INCR', KEYS[10])
    if not id then
        id = free_id(base, number)
    elseif is_taken(base, id) then
        return add_duplicate(job, id, release_parent)
    end
    local owner = job.deid and admission()(id, job)
    if owner then
        return owner
    elseif job.deid then
        put(job, id, 'deid', job.deid)
    elseif parent_key then
        put(job, id, 'parentKey', parent_key, 'parent', job.parent)
        call('SADD', parent_key .. ':dependencies', base .. id)
    else
        put(job, id)
    end
    return id
end

local answers, n, at = {}, 0, 4
while ARGV[at] do
    local job
    job, at = read_add(at)
    local is_fine, answer = pcall(add_job, job)
    if not is_fine then
        answer = error_text(answer)
        if n == 0 or is_refusal(answer) then
            return redis.error_reply(answer)
        end
        answer = {answer}
    end
    n = n + 1
    answers[n] = answer
end
return answers
