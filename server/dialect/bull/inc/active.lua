-- Questions about a job that is, or was, active.
--- @include base

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

-- Whether nobody had the job since this activation: a stall counts one up, an activation leaves
-- its time.
local function is_untouched(processed_on, stalled_counter, seen)
    return seen[1] == processed_on and (seen[2] or '0') == stalled_counter
end

local DONE = 'done'

-- What to answer to an effect under `token` while the lock holds `held` (false: nothing): nil when
-- it may be carried out, DONE when an earlier call has, else a code. Only a resent effect can find
-- itself done, and only it may go on without its lock: if Redis was away longer than the lock
-- lives, the outcome still counts as long as nobody else has had the job.
-- `seen`: processedOn, stalledCounter, attemptsMade.
local function lock_answer(id, held, token, is_resent, processed_on, stalled_counter, attempts, seen)
    if held == token then
        return nil
    end
    if not is_resent then
        return held and -6 or -2
    end
    local is_same = (seen[2] or '0') == stalled_counter
    if held then
        return attempts and is_same and (tonumber(seen[3]) or 0) >= attempts and DONE or -6
    end
    if not is_active(id) then
        return DONE
    end
    return not is_untouched(processed_on, stalled_counter, seen) and -2 or nil
end
