-- Jobs that run again after they were dead letters.
--- @include base
--- @include add

-- Letters may be taken from these, and from the lists where jobs wait.
local LETTER_SETS = {'delayed', 'failed'}

-- ARGV from `at`: arguments of a job that has an id of its own, as entry.c writes them. Which one.
local function wanted_id(at)
    return ARGV[at + 3]
end

-- The same of any job. Adds it and returns its id.
local function add_again(at)
    return add_series_job(at)
end
