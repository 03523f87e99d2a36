-- Does one thing to each of some jobs, that are named by their ids and in no worker's hands.
--
-- KEYS and ARGV 1 to 3: inc/base.lua; of the queue itself, or of the one that its jobs are moved to.
-- ARGV:
--   4 what the keys of the queue begin with  5 retry, promote, remove or move
--   6 the list or set where the ids were seen, and are looked for alone; "": anywhere
--   7 with a list, how far from its tail, the first of them
--   8 where to go on with the search through the long lists, list number * 2^32 + position; -1: no search
--   9 of "a": also forget the attempts made, "s": also take the next one of a repeatable job, "c": as a
--     cleaning of the queue removes, "d": as a draining does, "t": with all below it, "u": only the
--     children that it still waits for
--   10... ids
-- Result: {where the search goes on; -1: nowhere, of each id
--   1 (done), the new id (moved), 0 (gone), -1 (in another state), -2 (a worker has it), -3 (ask again),
--   -4 (the next one of a repeatable job), -5 (the other queue has such an id), -6 (of a flow),
--   -7 (a worker has a job below it), or {error text}}
--- @include base
--- @include check
--- @include answers
--- @include take
--- @include deeds

local D, deed, hint, offset, search = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local home = homes[deed]
local lists, sets = home.lists, home.sets

local function foreign_home()
    for kind, names in pairs(D ~= P and {list = lists, zset = sets} or {}) do
        for _, name in ipairs(names) do
            local problem = foreign(D .. name, kind)
            if problem then
                return problem
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
local taking = open_taking(D, wanted)
local deeds = open_deeds(D, taking, ARGV[9])
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

local answers, known, has_waiting, done = {0}, {}, false, 0
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
    done = done + (what == DONE and not known[id] and 1 or 0)
    known[id] = what
    answers[#answers + 1] = what
end
taking.close()
deeds.close(done)
answers[1] = has_waiting and search or next_search
return answers
