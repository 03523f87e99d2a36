-- Bull keeps nothing of a series but its key and its next job.
local function series_rule()
    return false
end
