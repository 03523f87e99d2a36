-- Jobs that run again after they were dead letters.
--- @include base
--- @include add

-- Letters may be taken from these, and from the lists where jobs wait.
local LETTER_SETS = {'prioritized', 'delayed', 'failed'}

-- ARGV from `at`: arguments of a job that has an id of its own, as entry.c writes them. Which one.
local function wanted_id(at)
    return (read_add(at)).id
end

-- The same of any job, whose id is free. Adds it and returns its id. It has left its parent and its
-- deduplication id behind.
local function add_again(at)
    local job = (read_add(at))
    need_place(job)
    local number = call('INCR', KEYS[10])
    local id = job.id or free_id(P, number)
    put(job, id)
    return id
end
