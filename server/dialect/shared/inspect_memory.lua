-- What the keys of a queue take in Redis' memory. Few jobs of each state are measured, spread evenly
-- over it, and stand for the others. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  jobs of a state to measure at the most
-- Result: {{class, keys, bytes, keys that were measured}, ...}: the jobs of each state by its name,
--   what hangs on jobs, what the queue has beside them ('order': lists and sorted sets of ids)

--- @include inspect
--- @include inspect_call
--- @include states
--- @include sizes

local prefix, sample_max = ARGV[1], tonumber(ARGV[2])

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

-- A class of keys that hang on jobs: counted in a sample, and so estimated for all.
local function weigh(class, id)
    for _, suffix in ipairs(class.suffixes) do
        local n = usage(prefix .. id .. suffix)
        class.bytes = class.bytes + n
        if n > 0 then class.keys = class.keys + 1 end
    end
end

local ok, result = pcall(function()
    local found, attached = {}, {}
    for i, class in ipairs(OF_JOBS) do
        attached[i] = {class[1], 0, 0, 0}
    end
    for _, state in ipairs(STATES) do
        local key, is_list = prefix .. state[2], state[3] == 'list'
        local count = call(is_list and 'LLEN' or 'ZCARD', key)
        local samples, bytes, parts = math.min(count, sample_max), 0, {}
        for i, class in ipairs(OF_JOBS) do
            parts[i] = {suffixes = class[2], keys = 0, bytes = 0}
        end
        for i = 0, samples - 1 do
            local at = math.floor(i * count / samples)
            local id = is_list and call('LINDEX', key, at) or call('ZRANGE', key, at, at)[1]
            bytes = bytes + usage(prefix .. id)
            for _, part in ipairs(parts) do weigh(part, id) end
        end
        local scale = samples > 0 and count / samples or 0
        found[#found + 1] = {state[1], count, math.floor(bytes * scale), samples}
        for i, part in ipairs(parts) do
            local all = attached[i]
            all[2], all[3] = all[2] + part.keys * scale, all[3] + part.bytes * scale
            all[4] = all[4] + part.keys
        end
    end
    for _, class in ipairs(attached) do
        found[#found + 1] = {class[1], math.floor(class[2]), math.floor(class[3]), class[4]}
    end
    for _, class in ipairs(OF_QUEUE) do
        found[#found + 1] = sum(class[1], class[2])
    end
    return found
end)
return ok and result or {err = result}
