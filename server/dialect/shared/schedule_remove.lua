-- Ends a series: its next job goes while it is delayed.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV:
--   4  the series' key
--   5... beginnings of its jobs' ids, as its key may be read in several ways
-- Result: {1 if there was such a series, 1 if its next job went}
--- @include base
--- @include check
--- @include series_drop

local key, set = ARGV[4], KEYS[12]
local problem = foreign(set, 'zset') or foreign(delayed, 'zset')
if problem then
    return redis.error_reply(problem)
end
local slot, removed = call('ZSCORE', set, key), 0
if not slot then
    return {0, 0}
end
for at = 5, #ARGV do
    if call('ZREM', delayed, ARGV[at] .. slot) == 1 then
        drop_job(ARGV[at] .. slot)
        removed = 1
    end
end
call('ZREM', set, key)
drop_rule(key)
return {1, removed}
