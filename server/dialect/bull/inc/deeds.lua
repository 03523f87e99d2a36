-- What can be done to a job by hand, as Bull's own calls do it.
--- @include base
--- @include answers
--- @include place
--- @include id
--- @include forget
--- @include options

-- What each deed takes jobs from.
local homes = {
    retry = {lists = {}, sets = {'failed'}},
    promote = {lists = {}, sets = {'delayed'}},
    remove = {lists = {'active', 'wait', 'paused'}, sets = {'delayed', 'failed', 'completed'}},
    move = {lists = {'wait', 'paused'}, sets = {'delayed', 'failed', 'completed'}}
}

-- Places by priority are looked for in the list: so many ids in one call, one job comes through in any
-- case.
local RANK_MAX = 100000

-- For the queue whose keys begin with D, of which `taking` takes jobs out. Returns {
--   retry, promote, remove, move: of (id, place as in take.lua), the answer
--   close(done): ends it, when taking is closed }
local function open_deeds(D, taking, flags)
    local forgetting, deeds, ranked = open_forgetting(D), {}, 0

    -- A job that has not run yet, and whose series has no later one.
    local function is_next_of_series(id, place)
        if id:sub(1, 7) ~= 'repeat:' or place[1] == D .. 'completed' or place[1] == D .. 'failed' then
            return false
        end
        local series = options_of(D .. id)['repeat']
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
        return is_lifo(D .. id) and 'RPUSH' or 'LPUSH'
    end

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

    -- A cleaning lets the debounce ids of ended jobs go on as long as they were to.
    function deeds.remove(id, place)
        if place[1] and not flags:find('s', 1, true) and is_next_of_series(id, place) then
            return SERIES
        end
        if place[1] then
            taking.take(id, place)
        end
        local has_ended = place[1] == D .. 'completed' or place[1] == D .. 'failed'
        forgetting.remove(id, has_ended and flags:find('c', 1, true))
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

    function deeds.close()
    end

    return deeds
end
