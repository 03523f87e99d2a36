-- What goes with a series, and with its next job.
--- @include base

local function drop_job(id)
    call('DEL', P .. id)
end

local function drop_rule()
end
