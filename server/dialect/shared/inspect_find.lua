-- Looks for a job in a part of the lists, which may be long: active, wait, paused, each from its
-- head, because what is pushed meanwhile moves jobs away from it and none is overlooked. Reads only.
--
-- KEYS[1]  the active list
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  the job's id
-- ARGV[3]  where to begin: list number * 2^32 + position
-- ARGV[4]  ids to compare at the most
-- Result: {state or nil, where to go on or -1}

--- @include inspect

local LIST = 4294967296
local lists = {'active', 'wait', 'paused'}
local states = {'active', 'waiting', 'paused'}
local prefix, id = ARGV[1], ARGV[2]
local place, budget = tonumber(ARGV[3]), tonumber(ARGV[4])
local list, first = math.floor(place / LIST), place % LIST

while list < #lists and budget > 0 do
    local key = prefix .. lists[list + 1]
    local part = redis.pcall('LRANGE', key, first, first + budget - 1)
    if part.err then
        return {err = explain(part, key)}
    end
    for i = 1, #part do
        if part[i] == id then
            return {states[list + 1], -1}
        end
    end
    if #part < budget then
        list, first = list + 1, 0
    else
        first = first + #part
    end
    budget = budget - #part
end
if list >= #lists then
    return {false, -1}
end
return {false, list * LIST + first}
