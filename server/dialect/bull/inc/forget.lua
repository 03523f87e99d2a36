-- What belongs to a job, beyond the list or set that its id is in.
--- @include base

-- For the queue whose keys begin with D. Returns {
--   let_go(id, keeps_debounce): takes it out of priorities and the rate limiter; its debounce id is free
--     for others
--   remove(id, keeps_debounce): the same, and its hash and log }
local function open_forgetting(D)
    local index, forgetting = D .. 'limiter:index', {}
    local has_limits = call('TYPE', index).ok == 'hash'

    function forgetting.let_go(id, keeps_debounce)
        try('ZREM', D .. 'priority', id)
        local deid = not keeps_debounce and try('HGET', D .. id, 'deid')
        if type(deid) == 'string' and deid ~= '' and try('GET', D .. 'de:' .. deid) == id then
            call('DEL', D .. 'de:' .. deid)
        end
        local limited = has_limits and call('HGET', index, id)
        if limited then
            call('SREM', limited, id)
            call('HDEL', index, id)
        end
    end

    function forgetting.remove(id, keeps_debounce)
        forgetting.let_go(id, keeps_debounce)
        call('DEL', D .. id, D .. id .. ':logs')
    end

    return forgetting
end
