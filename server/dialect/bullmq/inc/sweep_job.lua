-- What the sweep does with one job.
--- @include base
--- @include stall

-- Of an id that was taken out of active. Returns false: it waits again; nil: there is no such job.
local has_trimmed = false
local function sweep_job(id)
    local seen = try('HMGET', P .. id, 'name', 'data', 'opts', 'timestamp')
    if seen.err or not (seen[1] or seen[2] or seen[3] or seen[4]) then
        return nil
    end
    if not has_trimmed then
        has_trimmed = true
        trim_events()
    end
    stall(id, tonumber(ARGV[4]))
    return false
end
