-- Whether a job that ended ran once only: just then its hash tells when it first began.
local TRIES = {'attemptsMade', 'retriedOn'}

local function ran_once(_, is_failed, made, retried)
    return not retried and (tonumber(made) or 0) <= (is_failed and 1 or 0)
end
