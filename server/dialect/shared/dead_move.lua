-- Takes dead letters out of their queue, each atomically: back to work in another queue, or for good.
--
-- KEYS and ARGV 1 to 3: inc/base.lua, of the queue that gets the jobs; when they are only removed, of
-- the dead-letter queue itself. ARGV:
--   4 what the keys of the dead-letter queue begin with  5 the list where the ids were seen, wait or
--   paused; "": no list  6 how far from its tail, the first of them  7 "1": back to work, "0": remove
--   8... of each letter its id, and with "1": how many forms of the job follow, 1 or 2 (the second for
--   when the id of the first is taken), and each form: how many arguments follow, and arguments of
--   add_again (inc/again.lua)
-- Result: for each letter the id of the new job, 1 (removed), -1 (gone), -2 (not in a state that it may
--   be taken from: somebody works on it or has), -3 (not looked for, ask again), or {error text}
--- @include base
--- @include check
--- @include again
--- @include take
--- @include forget

local GONE, HELD, LATER = -1, -2, -3
local D, hint, offset, is_redrive = ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
local lists, sets = {D .. 'wait', D .. 'paused'}, {}
for i, set in ipairs(LETTER_SETS) do
    sets[i] = D .. set
end

local problem = is_redrive and foreign_key()
for kind, keys in pairs({list = lists, zset = sets}) do
    for _, key in ipairs(keys) do
        problem = problem or foreign(key, kind)
    end
end
if problem then
    return redis.error_reply(problem)
end

-- Where the letter behind the one at this place begins.
local function behind(at)
    if not is_redrive then
        return at + 1
    end
    local forms = tonumber(ARGV[at + 1])
    at = at + 2
    for _ = 1, forms do
        at = at + 1 + ARGV[at]
    end
    return at
end

local wanted, at = {}, 8
while ARGV[at] do
    wanted[ARGV[at]] = true
    at = behind(at)
end
local taking, forgetting = open_taking(D, wanted), open_forgetting(D)
if hint ~= '' then
    look_near(taking, D .. hint, offset)
end

-- A list is searched to its head: so many ids are looked at in one call, one search comes through in
-- any case.
local SEARCH_MAX, BATCH = 200000, 5000
local searched = 0

local function position(list, id, len)
    local place = try('LPOS', list, id, 'RANK', -1)
    if type(place) ~= 'table' then
        return place and place - len
    end
    for first = 1, len, BATCH do -- before Redis 6.0.6
        local ids = call('LRANGE', list, -(first + BATCH - 1), -first)
        for i = #ids, 1, -1 do
            if ids[i] == id then
                return i - #ids - first
            end
        end
    end
end

-- {list, index} or {set}; nil: in none; LATER
local function find(id)
    if taking.near[id] then
        return taking.near[id]
    end
    for _, set in ipairs(sets) do
        if call('ZSCORE', set, id) then
            return {set, false}
        end
    end
    local len = call('LLEN', lists[1]) + call('LLEN', lists[2])
    if searched > 0 and searched + len > SEARCH_MAX then
        return LATER
    end
    searched = searched + len
    for i = 1, 2 do
        local index = position(lists[i], id, call('LLEN', lists[i]))
        if index then
            return {lists[i], index}
        end
    end
end

local function put_back_to_work(at)
    local forms = ARGV[at + 1]
    at = at + 2
    if forms == '2' and call('EXISTS', P .. wanted_id(at + 1)) == 1 then
        at = at + 1 + ARGV[at]
    end
    return add_again(at + 1)
end

local taken, has_taken = {}, false
local function move(at)
    local id = ARGV[at]
    if taken[id] then
        return GONE
    elseif call('EXISTS', D .. id) == 0 then
        return GONE
    elseif call('EXISTS', D .. id .. ':lock') == 1 then
        return HELD
    end
    local place = find(id)
    if not place then
        return HELD
    elseif place == LATER then
        return LATER
    end
    local what = is_redrive and put_back_to_work(at) or 1
    taken[id], has_taken = true, true
    taking.take(id, place)
    forgetting.remove(id)
    return what
end

local answers = {}
at = 8
while ARGV[at] do
    local is_fine, what = pcall(move, at)
    if not is_fine then
        what = error_text(what)
        if not has_taken and is_refusal(what) then
            return redis.error_reply(what)
        end
        what = {what}
    end
    answers[#answers + 1] = what
    at = behind(at)
end

taking.close()
return answers
