-- What the end of jobs brings with it. Made when it is first asked for: plain jobs need none of it.
--- @include base

local ending
local function endings()
    if ending then
        return ending
    end

    -- So many older jobs are still removed by this call, for all its effects; the next one goes on.
    local prune_left = 1000

    local function remove_hashes(ids)
        local keys = {}
        for i = 1, #ids do
            keys[2 * i - 1] = P .. ids[i]
            keys[2 * i] = P .. ids[i] .. ':logs'
        end
        call('DEL', unpack(keys))
    end

    -- Keeps the newest `count` (-1: any number) and those of the last `age` seconds (-1: any age).
    local function prune(set, count, age)
        if age >= 0 then
            local ids = call('ZRANGEBYSCORE', set, '-inf', now - age * 1000, 'LIMIT', 0, prune_left)
            prune_left = prune_left - #ids
            if #ids > 0 then
                remove_hashes(ids)
                call('ZREM', set, unpack(ids))
            end
        end
        if count > 0 then
            local excess = math.min(call('ZCARD', set) - count, prune_left)
            if excess > 0 then
                prune_left = prune_left - excess
                remove_hashes(call('ZRANGE', set, 0, excess - 1))
                call('ZREMRANGEBYRANK', set, 0, excess - 1)
            end
        end
    end

    -- A debounce id without a time of its own ends with its job.
    local function free_debounce(deid)
        if deid and deid ~= '' then
            local key = P .. 'de:' .. deid
            local ttl = call('PTTL', key)
            if ttl == -1 or ttl == 0 then
                call('DEL', key)
            end
        end
    end

    --- @include measure

    ending = {prune = prune, measure = measure, free_debounce = free_debounce}
    return ending
end
