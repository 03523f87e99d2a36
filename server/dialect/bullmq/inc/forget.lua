-- What belongs to a job, beyond the list or set that its id is in.
--- @include base
--- @include delete

-- For the queue whose keys begin with D. Returns {
--   let_go(id): its deduplication id is free for others, and what was kept for its end goes
--   remove(id): the same, and all its keys but the lock; whether there were any }
local function open_forgetting(D)
    local forgetting = {}

    function forgetting.let_go(id)
        local deid = try('HGET', D .. id, 'deid')
        if type(deid) == 'string' and deid ~= '' and try('GET', D .. 'de:' .. deid) == id then
            call('DEL', D .. 'de:' .. deid, D .. 'dn:' .. deid)
        end
    end

    function forgetting.remove(id)
        forgetting.let_go(id)
        return delete_job(D .. id) > 0
    end

    return forgetting
end
