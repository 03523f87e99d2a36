-- Returns whether nothing more waits.
local function fetch(max)
    if limit_max > 0 then
        return others().fetch(max)
    end
    local order, n = {}, 1
    if max == 1 then
        order[1] = call('RPOPLPUSH', wait, active) or nil
    else
        local ids = call('LRANGE', wait, -max, -1)
        n = #ids
        for i = 1, n do
            order[i] = ids[n + 1 - i]
        end
    end
    if not order[1] then
        return true
    end
    if max > 1 then -- what RPOPLPUSH would do, n times
        call('LPUSH', active, unpack(order))
        call('LTRIM', wait, 0, -n - 1)
    end
    local last = 0
    repeat
        last = last + 1
        local job = lease(order[last])
        note_job(job)
    until last == n or is_fetch_full(job)
    try('ZREM', priority, unpack(order, 1, last))
    if last < n then
        others().give_back(order, last + 1, n)
        return false
    end
    return n < max
end
