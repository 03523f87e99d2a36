-- Ends a series, as Bull's removeRepeatableByKey does: its next job goes while it is delayed.
--
-- KEYS[1]  the set of series
-- KEYS[2]  the delayed jobs
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  the series' key
-- ARGV[3]... beginnings of its jobs' ids, as its key may be read in several ways
-- Result: {1 if there was such a series, 1 if its next job went}

local series, delayed, prefix, key = KEYS[1], KEYS[2], ARGV[1], ARGV[2]

for _, name in ipairs(KEYS) do
    local kind = redis.call('TYPE', name).ok
    if kind ~= 'none' and kind ~= 'zset' then
        return redis.error_reply('WRONGTYPE ' .. name .. ' is a ' .. kind)
    end
end
local slot, removed = redis.call('ZSCORE', series, key), 0
if not slot then
    return {0, 0}
end
for at = 3, #ARGV do
    if redis.call('ZREM', delayed, ARGV[at] .. slot) == 1 then
        redis.call('DEL', prefix .. ARGV[at] .. slot)
        removed = 1
    end
end
redis.call('ZREM', series, key)
return {1, removed}
