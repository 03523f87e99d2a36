-- One job: its fields, its lock, the end of its log, and its state where that is quickly told.
-- Reads only.
--
-- KEYS[1]  the job hash
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  the job's id
-- ARGV[3]  lines of the log at the most
-- ARGV[4..] fields of the job hash
-- Result: {exists, state, lock, ms until it ends, lines of log, {last lines}, score, {children...},
--   {field...}}; state: that of a sorted set, or nil: perhaps in one of the lists

--- @include inspect
--- @include inspect_call
--- @include states
--- @include children

local prefix, id, log_max = ARGV[1], ARGV[2], tonumber(ARGV[3])

local ok, result = pcall(function()
    local state, score = false, false
    for _, set in ipairs(SETS) do
        if not state then
            score = call('ZSCORE', prefix .. set, id)
            state = score and set
        end
    end
    local exists = call('EXISTS', KEYS[1])
    local lock, lock_left, log_count, log, children, fields = false, -1, 0, {}, {}, {}
    if exists == 1 then
        fields = call('HMGET', KEYS[1], unpack(ARGV, 4))
        lock = call('GET', KEYS[1] .. ':lock')
        lock_left = call('PTTL', KEYS[1] .. ':lock')
        log_count = call('LLEN', KEYS[1] .. ':logs')
        if log_max > 0 then
            log = call('LRANGE', KEYS[1] .. ':logs', -log_max, -1)
        end
        children = count_children(KEYS[1])
    end
    return {exists, state, lock, lock_left, log_count, log, score, children, fields}
end)
return ok and result or {err = result}
