-- What the hash meta of a queue says to all of its workers.
--- @include base

-- {paused, concurrency, max, duration, opts.maxLenEvents} as stored, of the queue whose keys begin with
-- `base`; asked once in a call.
local metas = {}
local function meta_of(base)
    local seen = metas[base]
    if not seen then
        seen = call('HMGET', base .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'opts.maxLenEvents')
        metas[base] = seen
    end
    return seen
end

local EVENTS_MAX = 10000 -- where the queue says nothing else that can be used; it says so from then on
local EVENTS_MOST = 1000000000000 -- what is more was never meant as a number of events

local function events_max(base)
    local seen = meta_of(base)
    local max = seen[5] and tonumber(seen[5])
    if not max or not (max >= 0 and max <= EVENTS_MOST) then
        max = EVENTS_MAX
        seen[5] = max
        call('HSET', base .. 'meta', 'opts.maxLenEvents', max)
    end
    return math.floor(max)
end

local function trim_events()
    call('XTRIM', events, 'MAXLEN', '~', events_max(P))
end
