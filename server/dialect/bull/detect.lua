-- Whether a queue is BullMQ's.
--
-- KEYS: 1 meta  2 events  3 marker  4 prioritized
-- Result: the key (and field) that tells it; empty: nothing does
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'hash' then
    for _, field in ipairs({'version', 'opts.maxLenEvents'}) do
        if redis.call('HEXISTS', KEYS[1], field) == 1 then
            return 'meta ' .. field
        end
    end
end
if redis.call('TYPE', KEYS[2]).ok == 'stream' then
    return 'events'
end
for _, i in ipairs({3, 4}) do
    if redis.call('TYPE', KEYS[i]).ok == 'zset' then
        return i == 3 and 'marker' or 'prioritized'
    end
end
return ''
