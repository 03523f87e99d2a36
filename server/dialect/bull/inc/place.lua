-- Putting an id where it waits.
--- @include base

-- Waiting jobs move to another list while the queue is paused.
local waiting
local function waiting_list()
    if not waiting then
        waiting = call('EXISTS', KEYS[9]) == 1 and KEYS[8] or wait
    end
    return waiting
end

local function rank_of(text)
    local rank = tonumber(text) or 0
    return rank == rank and rank or 0
end

-- `ahead` jobs stay ahead of the id, none when it is below 0. LINSERT looks for its place from the head,
-- through the whole list when the place is near the tail; then the tail is rewritten instead.
local REWRITE_MAX, REWRITE_SHARE = 500, 10
local function insert(list, id, ahead)
    local len = call('LLEN', list)
    if ahead > 0 and ahead <= REWRITE_MAX and ahead * REWRITE_SHARE < len then
        local tail = call('LRANGE', list, -ahead, -1)
        call('LTRIM', list, 0, -ahead - 1)
        call('RPUSH', list, id, unpack(tail))
        return
    end
    local pivot = call('LINDEX', list, len - ahead)
    if pivot then
        call('LINSERT', list, 'BEFORE', pivot, id)
    else
        call('RPUSH', list, id)
    end
end

-- The tail is consumed first. Behind all jobs of the same or a better rank; without a rank, `push`
-- says at which end.
local function line_up(id, rank, push)
    local list = waiting_list()
    if rank == 0 then
        call(push, list, id)
        return
    end
    call('ZADD', priority, rank, id)
    insert(list, id, call('ZCOUNT', priority, 0, rank) - 1)
end

-- The same for a job that was already taken once: ahead of its equals.
local function line_up_again(id, rank)
    local list = waiting_list()
    if rank == 0 then
        call('RPUSH', list, id)
        return
    end
    local ahead = call('ZCOUNT', priority, 0, '(' .. rank)
    call('ZADD', priority, rank, id)
    insert(list, id, math.min(ahead, call('LLEN', list)))
end
