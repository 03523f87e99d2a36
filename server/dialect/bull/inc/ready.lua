-- How many jobs wait to be fetched, and those of them that may have waited longest: the one that is
-- next, and the first behind those with a priority. They are the oldest but where jobs were added at
-- the front (lifo), behind which older ones hide. Needs inspect_call.
local function look_at_ready(prefix)
    local key = prefix .. 'wait'
    local waiting = call('LLEN', key)
    local ids = {redis.call('LINDEX', key, -1) or nil}
    local ahead = redis.pcall('ZCARD', prefix .. 'priority')
    if type(ahead) == 'number' and ahead > 0 then
        ids[#ids + 1] = redis.call('LINDEX', key, -1 - ahead) or nil
    end
    return waiting, ids
end
