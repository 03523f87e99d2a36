-- A page of the ids in a list or sorted set, and where else each of them is. Reads only.
--
-- KEYS[1]  the list or sorted set
-- ARGV: 1 what the queue's keys begin with  2 'list' or 'zset'  3 first position  4 ids at the most
--   5 what stands between that and an id in the key of its hash
-- Result: {ids in all, id, flags, score or '', ...}; flags: 1 a hash, 2 a lock, 4 and so on: in each of SETS

local P, is_list, infix = ARGV[1], ARGV[2] == 'list', ARGV[5]
local first, last = tonumber(ARGV[3]), tonumber(ARGV[3]) + tonumber(ARGV[4]) - 1
--- @include states

local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= ARGV[2] then
    return {0}
end
local total, ids, step
if is_list then
    total, ids, step = redis.call('LLEN', KEYS[1]), redis.call('LRANGE', KEYS[1], first, last), 1
else
    total, ids, step = redis.call('ZCARD', KEYS[1]), redis.call('ZRANGE', KEYS[1], first, last, 'WITHSCORES'), 2
end
local result = {total}
for at = 1, #ids, step do
    local id, flags = ids[at], 0
    if redis.call('TYPE', P .. infix .. id).ok == 'hash' then flags = 1 end
    if redis.call('EXISTS', P .. id .. ':lock') == 1 then flags = flags + 2 end
    for i, set in ipairs(SETS) do
        if type(redis.pcall('ZSCORE', P .. set, id)) == 'string' then flags = flags + 2 ^ (i + 1) end
    end
    local n = #result
    result[n + 1], result[n + 2], result[n + 3] = id, flags, step == 2 and ids[at + 1] or ''
end
return result
