-- What a repair of BullMQ's queues does in its own way. Needs from its script: id, key, cure, MOVES_MAX.
--- @include base
--- @include events
--- @include place
--- @include parent

-- Where a job of several places runs soonest.
local SOONEST = {'active', 'wait', 'paused', 'prioritized', 'delayed', 'waiting-children', 'completed', 'failed'}

-- A place for a job in no state where it waits for something; none: false.
local function rest(id)
    if call('SCARD', key .. ':dependencies') == 0 then
        return false
    end
    call('ZADD', KEYS[9], now, id)
    emit('waiting-children', 'jobId', id)
    return true
end

local function forget_rank()
end

-- One out of `active` waits again.
local function recover(id)
    call('HINCRBY', key, 'stc', 1)
    push(id, 'R')
    emit_trimmed('waiting', 'jobId', id, 'prev', 'active')
    emit('stalled', 'jobId', id)
end

-- As a resume brings them back, whether the queue is paused or not.
cure['two waiting lists'] = function()
    local ids = call('LRANGE', KEYS[8], 0, MOVES_MAX - 1)
    if #ids == 0 then
        return 0
    end
    call('LTRIM', KEYS[8], #ids, -1)
    call('RPUSH', wait, unpack(ids))
    mark()
    return call('EXISTS', KEYS[8]) == 1 and 2 or 1
end

cure['old marker'] = function()
    local count = 0
    for _, list in ipairs({wait, KEYS[8], active}) do
        count = count + call('LREM', list, 0, id)
    end
    return count > 0 and 1 or 0
end

-- The count that workers read and those that they write become one.
cure['old attempts'] = function()
    local seen = call('HMGET', key, 'attemptsMade', 'atm')
    if not seen[1] then
        return 0
    end
    local made = math.max(tonumber(seen[1]) or 0, tonumber(seen[2]) or 0)
    call('HSET', key, 'atm', string.format('%.0f', made))
    call('HDEL', key, 'attemptsMade')
    return 1
end

cure['children without job'] = function()
    return call('EXISTS', P .. id:match('^(.*):')) == 0 and call('DEL', key) or 0
end

-- As BullMQ's own listing of schedulers does.
cure['scheduler without rule'] = function()
    if call('EXISTS', P .. 'repeat:' .. id) == 1 then
        return 0
    end
    return call('ZREM', KEYS[12], id)
end

-- Children that will never tell of their end: those that are gone, and those that have completed. So
-- many are looked at in one call.
local SEEN_MAX = 1000
cure['missing children'] = function()
    local pending, count, seen, cursor = key .. ':dependencies', 0, 0, '0'
    repeat
        local some = call('SSCAN', pending, cursor, 'COUNT', MOVES_MAX)
        cursor, seen = some[1], seen + #some[2]
        for _, child in ipairs(some[2]) do
            local base, child_id = child:match('^(.*:)([^:]*)$')
            if call('EXISTS', child) == 0 then
                count = count + call('SREM', pending, child)
            elseif base and type(try('ZSCORE', base .. 'completed', child_id)) == 'string' then
                count = count + call('SREM', pending, child)
                call('HSET', key .. ':processed', child, call('HGET', child, 'returnvalue') or 'null')
            end
        end
    until cursor == '0' or seen >= SEEN_MAX
    parents().release_if_done(key)
    return count == 0 and 0 or cursor == '0' and 1 or 2
end

cure['nothing to wait for'] = function()
    if call('SCARD', key .. ':dependencies') > 0 or not call('ZSCORE', KEYS[9], id) then
        return 0
    end
    parents().release_if_done(key)
    return 1
end
