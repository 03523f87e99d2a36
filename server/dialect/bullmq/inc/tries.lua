-- Whether a job that ended ran once only: just then its hash tells when it first began. One that had
-- children waited for them, too.
local TRIES = {'ats', 'atm', 'attemptsMade'}

local function ran_once(key, _, started, made, made_before)
    local runs = tonumber(started) or math.max(tonumber(made) or 0, tonumber(made_before) or 0)
    return runs <= 1 and redis.call('EXISTS', key .. ':processed', key .. ':failed') == 0
end
