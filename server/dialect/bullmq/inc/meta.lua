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

-- Whether nothing may be activated: paused, or as many jobs are active as all workers together may have.
local function is_held(base)
    local seen = meta_of(base)
    if seen[1] then
        return true
    end
    local max = seen[2] and tonumber(seen[2])
    return max and call('LLEN', base .. 'active') >= max
end
