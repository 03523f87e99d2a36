-- What is known of series: their slots, the jobs that stand for them, and what the queue keeps of them
-- besides. Reads only.
--
-- KEYS[1]  the set of series
-- KEYS[2]  the delayed jobs
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  "1": also the data of the jobs
-- ARGV[3]... of each series its key, a number, and so many beginnings of its jobs' ids, as its key may
--   be read in several ways
-- Result: for each series false (there is none), or {slot, id or "", is delayed, is begun, name, opts,
--   data, what series_rule has}

--- @include inspect

local series, delayed, prefix, has_data = KEYS[1], KEYS[2], ARGV[1], ARGV[2] == '1'
--- @include series_rule

local function score(key, member)
    local n = redis.pcall('ZSCORE', key, member)
    if type(n) == 'table' then
        error(explain(n, key), 0)
    end
    return n
end

-- A key of another type is no job.
local function job(id)
    local fields = redis.pcall('HMGET', prefix .. id, 'name', 'opts', 'processedOn', has_data and 'data' or 'name')
    return not fields.err and fields[1] and fields
end

local function look(key, first, last)
    local slot = score(series, key)
    if not slot then
        return false
    end
    for at = first, last do
        local id = ARGV[at] .. slot
        local fields = job(id)
        if fields then
            return {slot, id, score(delayed, id) and 1 or 0, fields[3] and 1 or 0, fields[1], fields[2],
                has_data and fields[4], series_rule(key)}
        end
    end
    return {slot, '', 0, 0, false, false, false, series_rule(key)}
end

local ok, result = pcall(function()
    local found, at = {}, 3
    while ARGV[at] do
        local count = tonumber(ARGV[at + 1])
        found[#found + 1] = look(ARGV[at], at + 2, at + 1 + count)
        at = at + 2 + count
    end
    return found
end)
return ok and result or {err = result}
