-- What the end of a child means for its parent, which mostly is in another queue. Made when it is first
-- asked for: plain jobs have no parent.
--
-- parents() = {
--   child_completed(child_key, parent_json, parent_key, value)
--   child_failed(child_key, parent_json, reason)
--   detach(child_key, parent_key, is_hard, base)  the child goes without an end; parent_key may be nil,
--       `base` is what the keys of the child's queue begin with. True when it was a pending child
--   release_if_done(parent_key, parent_json)  where nothing is left to wait for; the JSON may be nil }
--
-- Nothing here raises: what is wrong with a parent must not keep its child from ending. Where something
-- is, the second result tells what.
--- @include base
--- @include events
--- @include place
--- @include delete
--- @include sound

local parenthood
local function parents()
    if parenthood then
        return parenthood
    end

    -- {key, base, id, fpof...} out of what the child's hash says; nil when that names no parent.
    local function read_parent(json)
        local is_fine, parent = pcall(cjson.decode, json)
        if not is_fine or type(parent) ~= 'table' or type(parent.queueKey) ~= 'string' then
            return nil
        end
        local id = parent.id
        if type(id) == 'number' then
            id = string.format('%.0f', id)
        elseif type(id) ~= 'string' then
            return nil
        end
        parent.base, parent.id = parent.queueKey .. ':', id
        parent.key = parent.base .. id
        return parent
    end

    -- What the keys of the parent's queue begin with, and its id, which may have colons: its key alone does
    -- not tell then.
    local function split(key, json)
        local parent = json and json ~= '' and read_parent(json)
        if parent and parent.key == key then
            return parent.base, parent.id
        end
        return key:match('^(.*:)([^:]*)$')
    end

    local function is_set(flag)
        return flag and flag ~= cjson.null
    end

    -- Out of waiting-children or delayed (`from`), to where the parent waits for its turn.
    local function release(base, id, from)
        need_all_sound(base)
        local seen = call('HMGET', base .. id, 'priority', 'delay')
        local rank, delay = rank_of(seen[1]), rank_of(seen[2])
        call('ZREM', base .. from, id)
        if delay > 0 then
            call('ZADD', base .. 'delayed', (now + delay) * 4096, id)
            emit_to(base, false, 'delayed', 'jobId', id, 'delay', now + delay)
            mark_delayed(base)
            return
        elseif rank == 0 then
            push(id, 'R', base)
        else
            prioritize(id, rank, base)
        end
        emit_to(base, false, 'waiting', 'jobId', id, 'prev', 'waiting-children')
    end

    local function release_if_waiting(base, id)
        if call('EXISTS', base .. id) == 1 and call('ZSCORE', base .. 'waiting-children', id) then
            release(base, id, 'waiting-children')
        end
    end

    local function release_if_done(base, id)
        if call('SCARD', base .. id .. ':dependencies') == 0 then
            release_if_waiting(base, id)
        end
    end

    -- The parent is to fail when its turn comes. At once where it waits for children or its time.
    local function doom(parent, child_key)
        local base, id = parent.base, parent.id
        if call('EXISTS', parent.key) == 0 then
            return
        end
        local reason = 'child ' .. child_key .. ' failed'
        if call('ZSCORE', base .. 'waiting-children', id) then
            call('HSET', parent.key, 'defa', reason)
            release(base, id, 'waiting-children')
        elseif call('ZSCORE', base .. 'delayed', id) then
            call('HSET', parent.key, 'delay', 0, 'defa', reason)
            release(base, id, 'delayed')
        elseif not call('ZSCORE', base .. 'failed', id) then
            call('HSET', parent.key, 'defa', reason)
        end
    end

    local function child_completed(child_key, json, key, value)
        local parent = json and json ~= '' and read_parent(json)
        local base, id
        if parent then
            key, base, id = parent.key, parent.base, parent.id
        elseif key and key ~= '' then
            base, id = split(key)
        end
        if id and call('SREM', key .. ':dependencies', child_key) == 1 then
            call('HSET', key .. ':processed', child_key, value)
            release_if_done(base, id)
        end
    end

    -- The flags stand beside the parent's name, not in the child's options.
    local function child_failed(child_key, json, reason)
        local parent = json and json ~= '' and read_parent(json)
        if not parent then
            return
        end
        local dooms, goes_on = is_set(parent.fpof), is_set(parent.cpof)
        local notes, forgets = is_set(parent.idof), is_set(parent.rdof)
        if not (dooms or goes_on or notes or forgets) or
            call('SREM', parent.key .. ':dependencies', child_key) == 0 then
            return
        end
        if dooms then
            call('ZADD', parent.key .. ':unsuccessful', now, child_key)
            doom(parent, child_key)
        elseif goes_on then
            call('HSET', parent.key .. ':failed', child_key, reason)
            release_if_waiting(parent.base, parent.id)
        else
            if notes then
                call('HSET', parent.key .. ':failed', child_key, reason)
            end
            release_if_done(parent.base, parent.id)
        end
    end

    local function parent_of(child_key)
        local key = call('HGET', child_key, 'parentKey')
        return key and call('EXISTS', key) == 1 and key
    end

    local function erase(key, base, id)
        local deid = call('HGET', key, 'deid')
        if deid and call('GET', base .. 'de:' .. deid) == id then
            call('DEL', base .. 'de:' .. deid, base .. 'dn:' .. deid)
        end
        delete_job(key)
    end

    -- A hard removal takes parents along that wait for nothing any more, and theirs. So many in one call;
    -- one beyond them goes to `wait`, where the removal finds it.
    local erase_left = 300

    local function detach(child_key, key, is_hard, base)
        local was_pending = false
        key = key or parent_of(child_key)
        while key do
            local parent_base, id = split(key, call('HGET', child_key, 'parent'))
            if not id or call('SREM', key .. ':dependencies', child_key) == 0 then
                break
            end
            was_pending = true
            local place = parent_base .. 'waiting-children'
            if call('SCARD', key .. ':dependencies') > 0 or not call('ZSCORE', place, id) then
                break
            end
            need_all_sound(parent_base)
            call('ZREM', place, id)
            if not (is_hard and parent_base == base and erase_left > 0) then
                push(id, 'R', parent_base)
                if not is_hard then
                    emit_to(parent_base, false, 'waiting', 'jobId', id, 'prev', 'waiting-children')
                end
                break
            end
            erase_left = erase_left - 1
            child_key, key = key, parent_of(key)
            erase(child_key, parent_base, id)
        end
        return was_pending
    end

    local function guarded(work)
        return function(...)
            local is_fine, what = pcall(work, ...)
            if is_fine then
                return what
            end
            return nil, error_text(what)
        end
    end

    parenthood = {
        child_completed = guarded(child_completed),
        child_failed = guarded(child_failed),
        detach = guarded(detach),
        release_if_done = guarded(function(key, json)
            release_if_done(split(key, json))
        end),
    }
    return parenthood
end
