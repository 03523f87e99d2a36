-- Does one thing to each of some jobs, that are named by their ids and in no worker's hands.
--
-- KEYS and ARGV 1 to 3: inc/base.lua; of the queue itself, or of the one that its jobs are moved to.
-- ARGV:
--   4 what the keys of the queue begin with  5 retry, promote, remove or move
--   6 the list or set where the ids were seen, and are looked for alone; "": anywhere
--   7 with a list, how far from its tail, the first of them
--   8 where to go on with the search through the long lists, list number * 2^32 + position; -1: no search
--   9 of "a": also forget the attempts made, "s": also take the next one of a repeatable job,
--     "d": its debounce id stays taken
--   10... ids
-- Result: {where the search goes on; -1: nowhere, of each id
--   1 (done), the new id (moved), 0 (gone), -1 (in another state), -2 (a worker has it), -3 (ask again),
--   -4 (the next one of a repeatable job), -5 (the other queue has such an id), or {error text}}
--- @include base
--- @include check
--- @include place
--- @include id
--- @include take
--- @include forget

local DONE, GONE, WRONG, HELD, LATER, SERIES, TAKEN = 1, 0, -1, -2, -3, -4, -5
local D, deed, hint, offset, search = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local flags = ARGV[9]
local homes = {
    retry = {lists = {}, sets = {'failed'}},
    promote = {lists = {}, sets = {'delayed'}},
    remove = {lists = {'active', 'wait', 'paused'}, sets = {'delayed', 'failed', 'completed'}},
    move = {lists = {'wait', 'paused'}, sets = {'delayed', 'failed', 'completed'}}
}
local lists, sets = homes[deed].lists, homes[deed].sets

local function foreign_home()
    if D == P then
        return foreign_key()
    end
    for kind, names in pairs({list = lists, zset = sets}) do
        for _, name in ipairs(names) do
            local is = call('TYPE', D .. name).ok
            if is ~= 'none' and is ~= kind then
                return 'WRONGTYPE ' .. D .. name .. ' is a ' .. is .. ', not a ' .. kind
            end
        end
    end
    return foreign_key()
end

local problem = foreign_home()
if problem then
    return redis.error_reply(problem)
end

-- --- where they are -------------------------------------------------------------------------

local wanted = {}
for at = 10, #ARGV do
    wanted[ARGV[at]] = true
end
local taking, forgetting = open_taking(D, wanted), open_forgetting(D)
if hint == 'wait' or hint == 'paused' or hint == 'active' then
    look_near(taking, D .. hint, offset)
    sets = {}
elseif hint ~= '' then
    sets = {hint}
end

local function in_sets(id)
    for _, set in ipairs(sets) do
        local score = call('ZSCORE', D .. set, id)
        if score then
            return {D .. set, false, score}
        end
    end
end

-- A part of the lists, each from its head: what is pushed meanwhile moves jobs away from it and none
-- is overlooked. Returns whether it was all of them.
local LIST, SEARCH_MAX = 4294967296, 10000
local next_search = -1
local function search_on()
    local list, first, budget = math.floor(search / LIST), search % LIST, SEARCH_MAX
    while list < #lists and budget > 0 do
        local count = taking.look(D .. lists[list + 1], first, first + budget - 1)
        if count < budget then
            list, first = list + 1, 0
        else
            first = first + count
        end
        budget = budget - count
    end
    if list < #lists then
        next_search = list * LIST + first
    end
    return search == 0 and next_search == -1
end

local places, is_all_searched = {}, false
local function find_all()
    local has_missing = false
    for id in pairs(wanted) do
        places[id] = taking.near[id] or in_sets(id)
        has_missing = has_missing or not places[id]
    end
    if not has_missing or search < 0 then
        return
    end
    is_all_searched = search_on()
    for id in pairs(wanted) do
        places[id] = places[id] or taking.near[id]
    end
end
find_all()

-- --- what is done ---------------------------------------------------------------------------

local function options(id)
    local text = call('HGET', D .. id, 'opts')
    local is_fine, opts = pcall(cjson.decode, text or '{}')
    return is_fine and type(opts) == 'table' and opts or {}
end

-- A job that has not run yet, and whose series has no later one.
local function is_next_of_series(id, place)
    if id:sub(1, 7) ~= 'repeat:' or place[1] == D .. 'completed' or place[1] == D .. 'failed' then
        return false
    end
    local series = options(id)['repeat']
    if type(series) ~= 'table' then
        return false
    end
    local key = series.key
    if type(key) ~= 'string' then
        return true
    end
    local slot = call('ZSCORE', D .. 'repeat', key)
    return slot and tonumber(slot) == tonumber(id:match(':(%d+)$'))
end

local function push_of(id)
    local lifo = options(id).lifo
    return lifo and lifo ~= cjson.null and lifo ~= 0 and lifo ~= '' and 'RPUSH' or 'LPUSH'
end

-- Places by priority are looked for in the list: so many ids in one call, one job comes through in any
-- case.
local RANK_MAX = 100000
local ranked = 0
local function has_to_wait(rank)
    if rank == 0 then
        return false
    end
    local len = call('LLEN', waiting_list())
    if ranked > 0 and ranked + len > RANK_MAX then
        return true
    end
    ranked = ranked + len
    return false
end

local deeds = {}

-- As Bull's job.retry(): a priority plays no part.
function deeds.retry(id, place)
    local key, push = P .. id, push_of(id)
    call('HDEL', key, 'finishedOn', 'processedOn', 'failedReason')
    if flags:find('a', 1, true) then
        call('HDEL', key, 'attemptsMade', 'stalledCounter')
    end
    call('HSET', key, 'retriedOn', now)
    call('ZREM', failed, id)
    call(push, waiting_list(), id)
    call('PUBLISH', P .. 'waiting@' .. speaker, id)
    return DONE
end

function deeds.promote(id, place)
    local rank = rank_of(call('HGET', P .. id, 'priority'))
    if has_to_wait(rank) then
        return LATER
    end
    call('ZREM', delayed, id)
    line_up(id, rank, 'LPUSH')
    call('PUBLISH', P .. 'waiting@' .. speaker, id)
    call('HSET', P .. id, 'delay', 0)
    return DONE
end

function deeds.remove(id, place)
    if place[1] and not flags:find('s', 1, true) and is_next_of_series(id, place) then
        return SERIES
    end
    if place[1] then
        taking.take(id, place)
    end
    forgetting.remove(id, flags:find('d', 1, true))
    return DONE
end

-- Where it stays in the state that it has. Ids that a counter gave are another's there.
function deeds.move(id, place)
    local key = D .. id
    local rank, push = rank_of(call('HGET', key, 'priority')), push_of(id)
    if is_next_of_series(id, place) then
        return SERIES
    elseif not id:find('^%d+$') and call('EXISTS', P .. id) == 1 then
        return TAKEN
    elseif place[2] and has_to_wait(rank) then
        return LATER
    end
    local new, number = id, call('INCR', KEYS[10])
    if id:find('^%d+$') then
        new, number = free_id(P, number)
    end
    call('RENAME', key, P .. new)
    if call('EXISTS', key .. ':logs') == 1 then
        call('RENAME', key .. ':logs', P .. new .. ':logs')
    end
    taking.take(id, place)
    -- Its own hash is in the other queue by now.
    local deid = call('HGET', P .. new, 'deid')
    if deid then
        if try('GET', D .. 'de:' .. deid) == id then
            call('DEL', D .. 'de:' .. deid)
        end
        call('HDEL', P .. new, 'deid')
    end
    forgetting.let_go(id, true)
    if place[2] then
        line_up(new, rank, push)
        call('PUBLISH', P .. 'waiting@' .. speaker, new)
    elseif place[1] == D .. 'delayed' then
        local due = math.floor(place[3] / 4096)
        call('ZADD', delayed, due * 4096 + bit.band(number, 4095), new)
        call('PUBLISH', delayed, string.format('%.0f', due))
    else
        call('ZADD', P .. place[1]:sub(#D + 1), place[3], new)
    end
    return new
end

local function try_one(id)
    local place = places[id]
    local exists = call('EXISTS', D .. id) == 1
    if not exists and not (place and deed == 'remove') then
        return GONE
    elseif hint ~= '' and not place then
        return WRONG -- whoever has it now
    elseif call('EXISTS', D .. id .. ':lock') == 1 then
        return HELD
    elseif place then
        return deeds[deed](id, place)
    elseif next_search >= 0 then
        return LATER
    elseif deed == 'remove' and is_all_searched then
        return deeds.remove(id, {}) -- it is in no state at all
    end
    return WRONG
end

local answers, known, has_waiting = {0}, {}, false
for at = 10, #ARGV do
    local id = ARGV[at]
    local is_fine, what = true, known[id]
    if what == nil then
        is_fine, what = pcall(try_one, id)
    end
    if not is_fine then
        what = error_text(what)
        if #answers == 1 and is_refusal(what) then
            return redis.error_reply(what)
        end
        what = {what}
    end
    has_waiting = has_waiting or what == LATER and places[id]
    known[id] = what
    answers[#answers + 1] = what
end
taking.close()
answers[1] = has_waiting and search or next_search
return answers
