-- What can be done to a job by hand, as BullMQ's own calls do it.
--- @include base
--- @include answers
--- @include events
--- @include place
--- @include id
--- @include parent
--- @include forget
--- @include options
--- @include latest
--- @include tree

-- What each deed takes jobs from.
local homes = {
    retry = {lists = {}, sets = {'failed'}},
    promote = {lists = {}, sets = {'delayed'}},
    remove = {
        lists = {'active', 'wait', 'paused'},
        sets = {'prioritized', 'delayed', 'waiting-children', 'failed', 'completed'}
    },
    move = {
        lists = {'wait', 'paused'}, sets = {'prioritized', 'delayed', 'waiting-children', 'failed', 'completed'}
    }
}

-- For the queue whose keys begin with D, of which `taking` takes jobs out. Returns {
--   retry, promote, remove, move: of (id, place as in take.lua), the answer
--   close(done): ends it, when taking is closed }
local function open_deeds(D, taking, flags)
    local forgetting, trees, deeds, later = open_forgetting(D), open_trees(), {}, {}

    local function has(flag)
        return flags:find(flag, 1, true)
    end

    local function state_of(place)
        return place[1] and place[1]:sub(#D + 1) or 'unknown'
    end

    local function wait_again(id)
        local rank = rank_of(call('HGET', P .. id, 'priority'))
        if rank == 0 then
            push(id, is_lifo(P .. id) and 'R' or 'L')
        else
            prioritize(id, rank)
        end
    end

    -- The parent waits for it again, where it still knows it as failed.
    local function put_back(id)
        local parent = call('HGET', P .. id, 'parentKey')
        if parent and (try('ZREM', parent .. ':unsuccessful', P .. id) == 1 or try('HDEL', parent .. ':failed', P .. id) == 1) then
            try('SADD', parent .. ':dependencies', P .. id)
        end
    end

    function deeds.retry(id, place)
        call('ZREM', place[1], id)
        call('HDEL', P .. id, 'finishedOn', 'processedOn', 'failedReason')
        if has('a') then
            call('HDEL', P .. id, 'atm', 'ats', 'stc', 'attemptsMade', 'stalledCounter')
        end
        wait_again(id)
        put_back(id)
        emit_trimmed('waiting', 'jobId', id, 'prev', 'failed')
        return DONE
    end

    -- Lists of BullMQ 4 and older may begin with a marker, which must stay at their end.
    function deeds.promote(id, place)
        local rank = rank_of(call('HGET', P .. id, 'priority'))
        call('ZREM', place[1], id)
        if (call('LINDEX', wait, 0) or ''):sub(1, 2) == '0:' then
            call('LPOP', wait)
        end
        if rank == 0 then
            push(id, 'L')
        else
            prioritize(id, rank)
        end
        emit('waiting', 'jobId', id, 'prev', 'delayed')
        call('HSET', P .. id, 'delay', 0)
        return DONE
    end

    -- Its parent may come into a list, where places must stay as they are until taking is closed.
    local function remove_one(id, place)
        local parent = try('HGET', D .. id, 'parentKey')
        if place[1] then
            taking.take(id, place)
        end
        if type(parent) == 'string' and call('EXISTS', parent) == 1 then
            later[#later + 1] = function()
                parents().detach(D .. id, parent, has('c') or has('d'), D)
            end
        end
        if forgetting.remove(id) and not has('c') and not has('d') then
            later[#later + 1] = function()
                emit_trimmed('removed', 'jobId', id, 'prev', state_of(place))
            end
        end
        return DONE
    end

    function deeds.remove(id, place)
        if has('u') then
            return trees.remove_pending(D .. id)
        elseif place[1] and not has('s') and is_next_of_series(D, id, state_of(place)) then
            return SERIES
        elseif has('t') then
            return trees.remove(D .. id)
        end
        return remove_one(id, place)
    end

    -- Others know a job of a flow by the name of its queue.
    local function is_of_flow(key)
        return call('HEXISTS', key, 'parentKey') == 1 or
            call('EXISTS', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful') > 0
    end

    local function arrive(id, place, name)
        local state = state_of(place)
        emit('added', 'jobId', id, 'name', name or '')
        if place[2] or state == 'prioritized' then
            wait_again(id)
            emit_trimmed('waiting', 'jobId', id)
        elseif state == 'delayed' then
            delay_until(id, math.floor(place[3] / 4096))
        else
            call('ZADD', P .. state, place[3], id)
        end
    end

    -- Where it stays in the state that it has. Ids that a counter gave are another's there.
    function deeds.move(id, place)
        local key, new = D .. id, id
        if is_next_of_series(D, id, state_of(place)) then
            return SERIES
        elseif is_of_flow(key) then
            return FLOW
        elseif not id:find('^%d+$') and call('EXISTS', P .. id) == 1 then
            return TAKEN
        end
        local number = call('INCR', KEYS[10])
        if id:find('^%d+$') then
            new = free_id(P, number)
        end
        taking.take(id, place)
        forgetting.let_go(id)
        call('RENAME', key, P .. new)
        call('HDEL', P .. new, 'deid')
        if call('EXISTS', key .. ':logs') == 1 then
            call('RENAME', key .. ':logs', P .. new .. ':logs')
        end
        emit_to(D, true, 'removed', 'jobId', id, 'prev', state_of(place))
        arrive(new, place, call('HGET', P .. new, 'name'))
        return new
    end

    function deeds.close(done)
        for _, finish in ipairs(later) do
            finish()
        end
        if has('c') and done > 0 then
            emit('cleaned', 'count', done)
        end
    end

    return deeds
end
