-- Whether a queue is paused, and whether that or its other settings tell that it is there, each 1 or
-- 0. Whoever pauses writes both keys; Bull's isPaused takes either. The types matter: a job of another
-- queue may have a key that looks like one of this one's, and jobs are hashes.
local function look_at_settings(prefix)
    local paused = redis.call('TYPE', prefix .. 'meta-paused').ok == 'string' and 1 or 0
    if paused == 0 and redis.call('TYPE', prefix .. 'meta').ok == 'hash' then
        paused = redis.call('HEXISTS', prefix .. 'meta', 'paused')
    end
    return paused, paused
end
