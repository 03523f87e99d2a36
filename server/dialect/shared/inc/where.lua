-- Where a job is, for the doctor: the lists and sets that have its id, seen in one moment. Keys of a
-- foreign type count as empty: they are a finding of their own.
--
-- Needs from its script: P, what the queue's keys begin with.
--- @include states

-- A long list is searched so far from each of its ends, unless all of it is to be.
local WHERE_MAX = 50000

local function is_in_set(set, id)
    return type(redis.pcall('ZSCORE', P .. set, id)) == 'string'
end

local function count_in_list(list, id, is_whole)
    local key = P .. list
    local len = redis.pcall('LLEN', key)
    if type(len) ~= 'number' or len == 0 then
        return 0
    elseif is_whole or len <= 2 * WHERE_MAX then
        return #redis.call('LPOS', key, id, 'COUNT', 0)
    end
    return #redis.call('LPOS', key, id, 'COUNT', 0, 'MAXLEN', WHERE_MAX) +
        #redis.call('LPOS', key, id, 'RANK', -1, 'COUNT', 0, 'MAXLEN', WHERE_MAX)
end

-- {place, ...}, a list once for each time; and how often it is where.
local function places_of(id, is_whole)
    local places, times = {}, {}
    for _, state in ipairs(STATES) do
        local place = state[2]
        if state[3] == 'list' then
            times[place] = count_in_list(place, id, is_whole)
        else
            times[place] = is_in_set(place, id) and 1 or 0
        end
        for _ = 1, times[place] do places[#places + 1] = place end
    end
    return places, times
end
