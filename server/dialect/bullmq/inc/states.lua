-- The states of a queue in the order of the table (inspect.c): name, what holds its jobs, its kind;
-- and those whose sorted sets tell quickly whether a job is there.
local STATES = {
    {'waiting', 'wait', 'list'}, {'prioritized', 'prioritized', 'zset'}, {'active', 'active', 'list'},
    {'delayed', 'delayed', 'zset'}, {'waiting-children', 'waiting-children', 'zset'},
    {'paused', 'paused', 'list'}, {'completed', 'completed', 'zset'}, {'failed', 'failed', 'zset'}
}
local SETS = {'completed', 'failed', 'delayed', 'prioritized', 'waiting-children'}

-- How many entries at the tail and at the head of a list of `count` are no jobs: clients of 4.x and
-- older wake others with them. They are put into an empty list, so they are at its ends if anywhere.
local function markers_in(key, count)
    local function is_marker(at)
        local id = redis.call('LINDEX', key, at)
        return id and id:sub(1, 2) == '0:' and 1 or 0
    end
    return is_marker(-1), count > 1 and is_marker(0) or 0
end
