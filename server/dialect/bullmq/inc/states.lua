-- The states of a queue in the order of the table (inspect.c): name, what holds its jobs, its kind;
-- and those whose sorted sets tell quickly whether a job is there.
local STATES = {
    {'waiting', 'wait', 'list'}, {'prioritized', 'prioritized', 'zset'}, {'active', 'active', 'list'},
    {'delayed', 'delayed', 'zset'}, {'waiting-children', 'waiting-children', 'zset'},
    {'paused', 'paused', 'list'}, {'completed', 'completed', 'zset'}, {'failed', 'failed', 'zset'}
}
local SETS = {'completed', 'failed', 'delayed', 'prioritized', 'waiting-children'}

-- Entries of a list of `count` that are no jobs: clients of 4.x and older wake others with them. They
-- are put into an empty list, so they are at its ends if anywhere.
local function markers_in(key, count)
    local found = 0
    for at = -1, math.min(0, count - 2) do
        local id = redis.call('LINDEX', key, at)
        if id and id:sub(1, 2) == '0:' then found = found + 1 end
    end
    return found
end
