-- Ids for new jobs.
--- @include base

-- Generated ids that are taken (by custom ids that look like numbers) are skipped, at most so many.
local SKIP_MAX = 10000

-- The id that `number`, the counter's, gives a job of the queue whose keys begin with `base`, and
-- the number itself, which is higher when ids were taken.
local function free_id(base, number)
    local id
    for _ = 1, SKIP_MAX do
        id = string.format('%.0f', number)
        if call('EXISTS', base .. id) == 0 then
            break
        end
        number = call('INCR', base .. 'id')
    end
    return id, number
end
