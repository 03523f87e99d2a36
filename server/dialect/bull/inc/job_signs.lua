-- What is special about a job of this dialect, for the doctor: nothing.
local function is_no_job()
    return false
end

local function count_shadows()
    return 0
end
