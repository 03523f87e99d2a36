-- What the sweep does with one job. Needs from its script: dead, as inc/dead.lua makes it, or nil.
--- @include base
--- @include json
--- @include stall

-- removeOnFail of stored options. What Bull's check trips over (0 empties the whole failed set, null
-- ends the check half-way) is read as Bull reads it everywhere else.
local function retention(opts)
    local is_fine, decoded = pcall(cjson.decode, opts or '{}')
    local keep = is_fine and type(decoded) == 'table' and decoded.removeOnFail
    if keep == true then
        return 0, -1
    elseif type(keep) == 'number' and keep == keep then
        return math.max(math.floor(keep), -1), -1
    elseif type(keep) == 'table' then
        local count, age = tonumber(keep.count), tonumber(keep.age)
        return count and count > 0 and math.ceil(count) or -1, age and age >= 0 and age or -1
    end
    return -1, -1
end

-- Of an id that was taken out of active. Returns whether the job failed; nil: there is none.
local function sweep_job(id)
    local key = P .. id
    local seen = try('HMGET', key, 'opts', 'deid', 'timestamp', 'data')
    -- An id without a job goes for good: run again it would be a job without data.
    if seen.err or not (seen[1] or seen[3] or seen[4]) then
        return nil
    end
    local count, age = retention(seen[1])
    local message = '{"jobId":' .. quoted(id) .. ', "val": "job stalled more than maxStalledCount"}'
    return stall(id, tonumber(ARGV[4]), count, age, message, seen[2])
end
