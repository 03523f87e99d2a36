-- Jobs that run again after they were dead letters.
--- @include base
--- @include add

-- Letters may be taken from these, and from the lists where jobs wait.
local LETTER_SETS = {'prioritized', 'delayed', 'failed'}

-- ARGV from `at`: arguments of a job that has an id of its own, as entry.c writes them. Which one.
local function wanted_id(at)
    return (read_add(at)).id
end

-- The same of any job. Adds it and returns its id.
local function add_again(at)
    return add_job((read_add(at)))
end
