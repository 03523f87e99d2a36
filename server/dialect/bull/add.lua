-- Adds jobs, in order.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV 4...: arguments of add_series_job (inc/add.lua), a job
-- after the other.
-- Result: for each job its id, or {error text}
--- @include base
--- @include check
--- @include add

local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end
local ids, n = {}, 0
for at = 4, #ARGV, SERIES_ARGS do
    local is_fine, id = pcall(add_series_job, at)
    if not is_fine then
        local text = error_text(id)
        if n == 0 or is_refusal(text) then
            return redis.error_reply(text)
        end
        id = {text}
    end
    n = n + 1
    ids[n] = id
end
return ids
