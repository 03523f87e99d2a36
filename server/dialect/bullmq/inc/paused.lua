-- Whether a queue is paused, and whether that or its other settings tell that it is there, each 1 or
-- 0. The fields matter: a job or series of another queue may have a hash with this key.
local function look_at_settings(prefix)
    local key = prefix .. 'meta'
    if redis.call('TYPE', key).ok ~= 'hash' then
        return 0, 0
    end
    local paused = redis.call('HEXISTS', key, 'paused')
    local exists = paused
    for _, field in ipairs({'version', 'opts.maxLenEvents', 'concurrency', 'max'}) do
        if redis.call('HEXISTS', key, field) == 1 then exists = 1 end
    end
    return paused, exists
end
