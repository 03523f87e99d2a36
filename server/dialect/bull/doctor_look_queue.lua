-- The keys of a queue itself. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  what the queue's keys begin with
-- Result: {is it paused, keys of BullMQ or '', {key, type it should have, type it has, size}...}

local P = ARGV[1]
local expected = {
    {'wait', 'list'}, {'active', 'list'}, {'paused', 'list'}, {'delayed', 'zset'}, {'completed', 'zset'},
    {'failed', 'zset'}, {'priority', 'zset'}, {'repeat', 'zset'}, {'stalled', 'set'}, {'id', 'string'},
    {'meta-paused', 'string'}, {'stalled-check', 'string'}, {'meta', 'hash'}, {'limiter', 'string'}
}
local SIZE = {list = 'LLEN', zset = 'ZCARD'}

local function kind(suffix)
    return redis.call('TYPE', P .. suffix).ok
end

local is_paused = kind('meta-paused') == 'string' and 1 or 0
local foreign = {}
for suffix, is in pairs({events = 'stream', marker = 'zset', prioritized = 'zset'}) do
    if kind(suffix) == is then foreign[#foreign + 1] = suffix end
end
if kind('meta') == 'hash' and redis.call('HEXISTS', P .. 'meta', 'version') == 1 then
    foreign[#foreign + 1] = 'meta version'
end
table.sort(foreign)
local result = {is_paused, table.concat(foreign, ', ')}
for _, key in ipairs(expected) do
    local is = kind(key[1])
    local size = is == key[2] and SIZE[is] and redis.call(SIZE[is], P .. key[1]) or 0
    result[#result + 1] = {key[1], key[2], is, size}
end
return result
