-- How many children a job has: Bull's have none.
local function count_children()
    return {}
end
