-- What the end of jobs brings with it. Made when it is first asked for: plain jobs need none of it.
-- Needs from its script: others().parents, as inc/parent.lua makes it.
--- @include base

local ending
local function endings()
    if ending then
        return ending
    end

    -- So many older jobs are still removed by this call, for all its effects; the next one goes on.
    local prune_left = 1000

    -- The first n keys of jobs, and what belongs to them.
    local function erase(keys, n)
        local all = {}
        for i = 1, n do
            local key, k = keys[i], #all
            all[k + 1], all[k + 2], all[k + 3], all[k + 4], all[k + 5], all[k + 6] = key, key .. ':logs',
                key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful'
        end
        call('DEL', unpack(all))
    end

    -- Ended jobs that are too old or too many. A parent that still waits for one does so no more.
    local ERASE_BATCH = 500
    local function remove(ids)
        prune_left = prune_left - #ids
        for first = 1, #ids, ERASE_BATCH do
            local last, keys = math.min(first + ERASE_BATCH - 1, #ids), {}
            for i = first, last do
                local key = P .. ids[i]
                keys[#keys + 1] = key
                if type(try('HGET', key, 'parentKey')) == 'string' then
                    others().parents().detach(key, nil, false, P)
                end
            end
            erase(keys, #keys)
        end
    end

    -- Keeps the newest `count` (-1: any number) and those of the last `age` seconds (-1: any age); by age
    -- `max` are removed at once, the newest of them first.
    local function prune(set, count, age, max)
        if age >= 0 and prune_left > 0 then
            local ids = call('ZREVRANGEBYSCORE', set, now - age * 1000, '-inf', 'LIMIT', 0, math.min(max, prune_left))
            if #ids > 0 then
                remove(ids)
                call('ZREM', set, unpack(ids))
            end
        end
        if count > 0 then
            local excess = math.min(call('ZCARD', set) - count, prune_left)
            if excess > 0 then
                remove(call('ZRANGE', set, 0, excess - 1))
                call('ZREMRANGEBYRANK', set, 0, excess - 1)
            end
        end
    end

    --- @include measure

    ending = {prune = prune, measure = measure, erase = erase}
    return ending
end
