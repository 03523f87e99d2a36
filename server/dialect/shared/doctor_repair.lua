-- Repairs one finding of the doctor, after a look whether it is still so.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV: 4 the name of the illness  5 the id, or the key without P
-- Result: 0 it is healthy  1 done  2 a part is done, call again
--
-- The one step here whose time grows with a list (about 20 ms for a million waiting jobs): an id is
-- looked for in all of it.

--- @include base
--- @include check
--- @include place
--- @include where

local MOVES_MAX = 100
local illness, id = ARGV[4], ARGV[5]
local key = P .. id
local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end

local function is_job()
    return call('TYPE', key).ok == 'hash'
end

local function leave(place)
    if place == 'active' or place == 'wait' or place == 'paused' then
        call('LREM', P .. place, 0, id)
    else
        call('ZREM', P .. place, id)
    end
end

local cure = {}
--- @include cures

-- Nothing is run again that nobody asked for: it fails, where it can be seen, retried or removed.
cure['no state'] = function()
    local places = places_of(id, true)
    if not is_job() or #places > 0 or call('EXISTS', key .. ':lock') == 1 then
        return 0
    elseif rest(id) then
        return 1
    end
    local ended = call('HMGET', key, 'finishedOn', 'returnvalue', 'failedReason')
    local at = tonumber(ended[1])
    if at and ended[2] and not ended[3] then
        call('ZADD', completed, at, id)
        return 1
    end
    if not ended[3] then
        call('HSET', key, 'failedReason', 'was found in no state', 'finishedOn', now)
    end
    call('ZADD', failed, at or now, id)
    return 1
end

-- What a worker holds stays active; an end that was written stays; else the place that runs soonest.
cure['two states'] = function()
    local places, times = places_of(id, true)
    if #places < 2 then
        return 0
    end
    local has_ended = call('HEXISTS', key, 'finishedOn') == 1
    local keep
    if times.active > 0 and call('EXISTS', key .. ':lock') == 1 then
        keep = 'active'
    elseif has_ended and times.completed + times.failed > 0 then
        keep = times.completed > 0 and 'completed' or 'failed'
    else
        for _, place in ipairs(SOONEST) do
            if not keep and times[place] > 0 then keep = place end
        end
    end
    for place, count in pairs(times) do
        if place ~= keep and count > 0 then leave(place) end
    end
    if times[keep] > 1 then -- the one that is taken first, at the tail, stays
        call('LREM', P .. keep, times[keep] - 1, id)
    end
    if keep ~= 'wait' and keep ~= 'paused' then forget_rank(id) end
    return 1
end

cure['no job'] = function()
    local places = places_of(id, true)
    if call('EXISTS', key) == 1 or #places == 0 then
        return 0
    end
    for _, place in ipairs(places) do leave(place) end
    forget_rank(id)
    call('SREM', stalled, id)
    return 1
end

-- As the check for stalled jobs does, which nobody has made.
cure['no lock'] = function()
    local _, times = places_of(id, true)
    if not is_job() or times.active == 0 or call('EXISTS', key .. ':lock') == 1 then
        return 0
    end
    call('LREM', active, 0, id)
    call('SREM', stalled, id)
    recover(id)
    return 1
end

local function delete_without_job(suffix)
    if call('EXISTS', key) == 1 then
        return 0
    end
    return call('DEL', key .. suffix)
end

cure['lock without job'] = function() return delete_without_job(':lock') end
cure['logs without job'] = function() return delete_without_job(':logs') end

-- It ends by itself then, unless a worker renews it.
cure['lock without end'] = function()
    if call('PTTL', key .. ':lock') ~= -1 then
        return 0
    end
    return call('PEXPIRE', key .. ':lock', 30000)
end

cure['debounce without job'] = function()
    local owner = call('GET', P .. 'de:' .. id)
    if not owner or call('EXISTS', P .. owner) == 1 or call('PTTL', P .. 'de:' .. id) ~= -1 then
        return 0
    end
    return call('DEL', P .. 'de:' .. id)
end
cure['deduplication without job'] = cure['debounce without job']

return cure[illness]()
