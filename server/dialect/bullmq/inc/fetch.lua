-- Takes up to `max` jobs, first those of `wait`. Returns whether nothing more waits.
local function take(max)
    local order, n, is_last = {}, 1, true
    if max == 1 then
        order[1] = call('RPOPLPUSH', wait, active) or nil
        n = #order
    else
        local ids = call('LRANGE', wait, -max, -1)
        n = #ids
        for i = 1, n do
            order[i] = ids[n + 1 - i]
        end
        if n > 0 then -- what RPOPLPUSH would do, n times
            call('LPUSH', active, unpack(order))
            call('LTRIM', wait, 0, -n - 1)
        end
    end
    local waited, popped = n, nil
    if n < max then
        popped = try('ZPOPMIN', prioritized, max - n)
        if popped.err and n == 0 then
            error(popped, 0)
        end
        for i = 1, #popped, 2 do
            n = n + 1
            order[n] = popped[i]
        end
        if n > waited then
            call('LPUSH', active, unpack(order, waited + 1))
        end
        if n < max then
            call('DEL', KEYS[16])
        end
    end
    local last, is_full = 0, false
    while last < n and not is_full do
        last = last + 1
        local id = order[last]
        if id:sub(1, 2) == '0:' then -- BullMQ 4 woke its workers with such ids
            call('LREM', active, 1, id)
            is_last = false
        else
            local job = lease(id)
            note_job(job)
            is_full = is_fetch_full(job)
        end
    end
    if last < n then
        others().give_back(order, last + 1, waited)
        others().give_back_ranked(popped, math.max(last - waited, 0))
    end
    if token_number ~= tonumber(ARGV[4]) then
        try('ZADD', marker, 0, '0') -- there may be more: it wakes the next worker
    end
    return is_last and n < max and not is_full
end

local function fetch(max)
    local seen = meta_of(P)
    if seen[1] or seen[2] or seen[3] or limit_max > 0 or rest_ms > 0 then
        return others().fetch(max)
    end
    return take(max)
end

-- Mostly nothing is due.
local function promote(max)
    local first = try('ZRANGE', delayed, 0, 0, 'WITHSCORES')
    if first.err or first[2] and tonumber(first[2]) < (now + 1) * 4096 then
        return others().promote(max)
    end
    return first[2] or false, 0
end
