-- How many jobs wait to be fetched, and those of them that may have waited longest: the one that is
-- next, the first of the most and of the least urgent priority. They are the oldest but where jobs
-- were added at the front (lifo), behind which older ones hide. Needs inspect_call, states, paused.
local LEAST = 4294967296 -- scores of one priority

-- A parent waited for its children; when they were done is not known.
local function is_child_free(key)
    return redis.call('EXISTS', key .. ':processed', key .. ':failed', key .. ':unsuccessful') == 0
end

local function look_at_ready(prefix)
    if look_at_settings(prefix) == 1 then
        return 0, {}
    end
    local wait, prioritized = prefix .. 'wait', prefix .. 'prioritized'
    local plain, urgent = call('LLEN', wait), call('ZCARD', prioritized)
    local tail, head = 0, 0
    if plain > 0 then
        tail, head = markers_in(wait, plain)
        plain = plain - tail - head
    end
    local ids = {}
    local function offer(id)
        if id and is_child_free(prefix .. id) then ids[#ids + 1] = id end
    end
    if plain > 0 then
        offer(redis.call('LINDEX', wait, -1 - tail))
    end
    if urgent > 0 then
        offer(redis.call('ZRANGE', prioritized, 0, 0)[1])
        local last = tonumber(redis.call('ZRANGE', prioritized, -1, -1, 'WITHSCORES')[2])
        local from = math.floor(last / LEAST) * LEAST
        offer(redis.call('ZRANGEBYSCORE', prioritized, from, '+inf', 'LIMIT', 0, 1)[1])
    end
    return plain + urgent, ids
end
