-- What is special about a job of this dialect, for the doctor.

-- The hash of a scheduler is named like an iteration.
local function is_no_job(id, key)
    return id:sub(1, 7) == 'repeat:' and redis.call('HEXISTS', key, 'timestamp') == 0
end

-- Whether attempts were counted in the field of older versions, which newer ones only read: 1, and 2
-- where a newer one has run it.
local function count_shadows(key, has_ended)
    local seen = redis.call('HMGET', key, 'attemptsMade', 'ats', 'atm')
    if has_ended or not seen[1] then
        return 0
    end
    return (seen[2] or seen[3]) and 2 or 1
end
