-- Questions about a job that is, or was, active.
--- @include base
--- @include job

local function is_active(id)
    local at = try('LPOS', active, id)
    if type(at) ~= 'table' then
        return at ~= false
    end
    for _, other in ipairs(call('LRANGE', active, 0, -1)) do -- before Redis 6.0.6
        if other == id then
            return true
        end
    end
    return false
end

-- Whether nobody had the job since this activation (ARGV from `at`: processedOn, stalls): an
-- activation leaves its time, a stall counts one up. `seen`: the same of the hash.
local function is_untouched(at, seen)
    return seen[1] == ARGV[at] and (seen[2] or '0') == ARGV[at + 1]
end

-- What to answer to an effect on a job whose lock is not its own: `held`, or false when it is gone.
-- nil: carry it out all the same, 'done': an earlier call has, else a code. ARGV from `at`: id,
-- token; from `activation`: processedOn, stalls.
--
-- Only a resent effect can find itself done, and only it may go on without its lock: when Redis was
-- away for longer than the lock lives, the outcome still counts as long as nobody else had the job.
local function lock_answer(at, held, is_resent, activation, attempts)
    if not is_resent then
        return held and -6 or -2
    end
    local seen = try('HMGET', P .. ARGV[at], 'processedOn', STALLED_FIELD, MADE_FIELD)
    if seen.err then
        return seen.err
    end
    if held then
        -- Somebody has it: after us, if our attempt is counted and no stall came between.
        local is_ours = attempts and (seen[2] or '0') == ARGV[activation + 1] and
            (tonumber(seen[3]) or 0) >= attempts
        return is_ours and 'done' or -6
    end
    if not is_active(ARGV[at]) then
        return 'done'
    end
    return not is_untouched(activation, seen) and -2 or nil
end
