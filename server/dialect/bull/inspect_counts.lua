-- How many jobs a queue has in each state. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- Result: {exists, paused, waiting, active, delayed, paused jobs, completed, failed, repeatable,
--   last id}

--- @include inspect

local prefix = ARGV[1]

local function count(command, suffix)
    local n = redis.pcall(command, prefix .. suffix)
    if type(n) == 'table' then
        error(explain(n, prefix .. suffix), 0)
    end
    return n
end

local ok, result = pcall(function()
    local counts = {
        count('LLEN', 'wait'), count('LLEN', 'active'), count('ZCARD', 'delayed'),
        count('LLEN', 'paused'), count('ZCARD', 'completed'), count('ZCARD', 'failed'),
        count('ZCARD', 'repeat')
    }
    -- Whoever pauses writes both; Bull's isPaused takes either. The types matter: a job of another
    -- queue may have a key that looks like one of this one's, and jobs are hashes.
    local paused = redis.call('TYPE', prefix .. 'meta-paused').ok == 'string' and 1 or 0
    if paused == 0 and redis.call('TYPE', prefix .. 'meta').ok == 'hash' then
        paused = redis.call('HEXISTS', prefix .. 'meta', 'paused')
    end
    local exists = redis.call('TYPE', KEYS[1]).ok == 'string' and 1 or paused
    for _, n in ipairs(counts) do
        if n > 0 then exists = 1 end
    end
    local last = redis.pcall('GET', KEYS[1])
    counts[#counts + 1] = type(last) == 'string' and tonumber(last) or 0
    return {exists, paused, unpack(counts)}
end)
return ok and result or {err = result}
