-- The keys of a queue itself. Reads only.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  what the queue's keys begin with
-- Result: {is it paused, keys of the other dialect or '', the list that is not in use or '', have workers of
--   the newest kind been here, {key, type it should have, type it has, size}...}

local P = ARGV[1]
--- @include expected

local SIZE = {list = 'LLEN', zset = 'ZCARD'}

local function kind(suffix)
    return redis.call('TYPE', P .. suffix).ok
end

local is_paused, idle = look_at_pause(kind)
local found = {}
for suffix, is in pairs(strange) do
    if kind(suffix) == is then found[#found + 1] = suffix end
end
if STRANGE_META and kind('meta') == 'hash' and redis.call('HEXISTS', P .. 'meta', STRANGE_META) == 1 then
    found[#found + 1] = 'meta ' .. STRANGE_META
end
table.sort(found)
local result = {is_paused and 1 or 0, table.concat(found, ', '), idle, is_of_today(kind) and 1 or 0}
for _, key in ipairs(expected) do
    local is = kind(key[1])
    local size = is == key[2] and SIZE[is] and redis.call(SIZE[is], P .. key[1]) or 0
    result[#result + 1] = {key[1], key[2], is, size}
end
return result
