-- What the keys of a queue take in Redis' memory. Few jobs of each state are measured, spread evenly
-- over it, and stand for the others. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  jobs of a state to measure at the most
-- Result: {{class, keys, bytes, keys that were measured}, ...}: the jobs of each state by its name,
--   'logs', 'order' (lists and sorted sets of ids), 'other'

--- @include inspect
--- @include inspect_call

local prefix, sample_max = ARGV[1], tonumber(ARGV[2])
local states = {
    {'waiting', 'wait', 'LLEN', 'LINDEX'}, {'active', 'active', 'LLEN', 'LINDEX'},
    {'delayed', 'delayed', 'ZCARD', 'ZRANGE'}, {'paused', 'paused', 'LLEN', 'LINDEX'},
    {'completed', 'completed', 'ZCARD', 'ZRANGE'}, {'failed', 'failed', 'ZCARD', 'ZRANGE'}
}
local order = {'wait', 'paused', 'active', 'delayed', 'completed', 'failed', 'priority', 'stalled'}
local other = {'id', 'meta', 'meta-paused', 'stalled-check', 'repeat', 'limiter', 'limiter:index',
    'limiter:limited', 'metrics:completed', 'metrics:failed', 'metrics:completed:data',
    'metrics:failed:data'}

-- Of one key; 0 when there is none.
local function usage(key)
    local reply = redis.pcall('MEMORY', 'USAGE', key)
    if type(reply) == 'table' then
        error(reply.err, 0)
    end
    return reply or 0
end

local function sum(class, suffixes)
    local keys, bytes = 0, 0
    for _, suffix in ipairs(suffixes) do
        local n = usage(prefix .. suffix)
        bytes = bytes + n
        if n > 0 then keys = keys + 1 end
    end
    return {class, keys, bytes, keys}
end

local ok, result = pcall(function()
    local found, logs = {}, {0, 0, 0}
    for _, state in ipairs(states) do
        local key = prefix .. state[2]
        local count = call(state[3], key)
        local samples = math.min(count, sample_max)
        local bytes, with_log, log_bytes = 0, 0, 0
        for i = 0, samples - 1 do
            local at = math.floor(i * count / samples)
            local id = state[4] == 'LINDEX' and call('LINDEX', key, at) or call('ZRANGE', key, at, at)[1]
            bytes = bytes + usage(prefix .. id)
            local log = usage(prefix .. id .. ':logs')
            log_bytes = log_bytes + log
            if log > 0 then with_log = with_log + 1 end
        end
        local scale = samples > 0 and count / samples or 0
        found[#found + 1] = {state[1], count, math.floor(bytes * scale), samples}
        logs = {logs[1] + with_log * scale, logs[2] + log_bytes * scale, logs[3] + with_log}
    end
    found[#found + 1] = {'logs', math.floor(logs[1]), math.floor(logs[2]), logs[3]}
    found[#found + 1] = sum('order', order)
    found[#found + 1] = sum('other', other)
    return found
end)
return ok and result or {err = result}
