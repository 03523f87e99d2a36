-- The states of a queue in the order of the table (inspect.c): name, what holds its jobs, its kind;
-- and those whose sorted sets tell quickly whether a job is there.
local STATES = {
    {'waiting', 'wait', 'list'}, {'active', 'active', 'list'}, {'delayed', 'delayed', 'zset'},
    {'paused', 'paused', 'list'}, {'completed', 'completed', 'zset'}, {'failed', 'failed', 'zset'}
}
local SETS = {'completed', 'failed', 'delayed'}

-- How many entries at the tail and at the head of a list are no jobs: there are none.
local function markers_in()
    return 0, 0
end
