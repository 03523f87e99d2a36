-- A page of a job's children of one kind, or one of them alone. Reads only.
--
-- KEYS[1]  the job's key and what the kind adds to it
-- ARGV[1]  "hash": with values, "set", "zset"
-- ARGV[2]  where the page begins, from the last answer; 0: the first
-- ARGV[3]  key of the one child; empty: a page
-- ARGV[4]  children to look at; the answer may have a few more
-- ARGV[5]  bytes of values at the most; the first one may pass it
-- Result: {where the next page begins, 0: that was all; {key, value (nil: none), 1: there was no
-- room for the value} for each}

--- @include inspect

local key, kind, first, one = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local max, room = tonumber(ARGV[4]), tonumber(ARGV[5])

local function read(...)
    local answer = redis.pcall(...)
    if type(answer) == 'table' and answer.err then
        error({err = explain(answer, key)}, 0)
    end
    return answer
end

local function has_one()
    if kind == 'hash' then
        return read('HGET', key, one)
    elseif kind == 'set' then
        return read('SISMEMBER', key, one) == 1
    end
    return read('ZSCORE', key, one)
end

if one ~= '' then
    local value = has_one()
    return {'0', value and {{one, kind == 'hash' and value, 0}} or {}}
end

local children = {}
if kind == 'zset' then
    local offset = tonumber(first)
    local page = read('ZRANGE', key, offset, offset + max - 1)
    for i = 1, #page do
        children[i] = {page[i], false, 0}
    end
    return {#page == max and string.format('%d', offset + max) or '0', children}
end

local page = read(kind == 'hash' and 'HSCAN' or 'SSCAN', key, first, 'COUNT', max)
if kind == 'set' then
    for i, child in ipairs(page[2]) do
        children[i] = {child, false, 0}
    end
    return {page[1], children}
end
for i = 1, #page[2], 2 do
    local value = page[2][i + 1]
    local fits = #value <= room or #children == 0
    room = fits and room - #value or room
    children[#children + 1] = {page[2][i], fits and value, fits and 0 or 1}
end
return {page[1], children}
