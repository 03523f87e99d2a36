-- Pauses a queue for all its workers, or ends that, as BullMQ 6 does: its jobs stay where they wait. What
-- an older client or Bull has put aside comes back before the rest, a part a call.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV: 4 "1": pause, "0": resume  5 jobs to move in one call
-- Result: 1: ask again; 0: done
--- @include base
--- @include check
--- @include events
--- @include place

local problem = foreign_key()
if problem then
    return redis.error_reply(problem)
end
if ARGV[4] == '1' then
    call('HSET', meta, 'paused', 1)
    call('DEL', marker)
    emit('paused')
    return 0
end

local aside, left, BATCH = KEYS[8], tonumber(ARGV[5]), 1000
if call('EXISTS', aside) == 1 and call('EXISTS', wait) == 0 then
    call('RENAME', aside, wait)
end
while left > 0 and call('EXISTS', aside) == 1 do
    local ids = call('LRANGE', aside, 0, BATCH - 1)
    call('LTRIM', aside, #ids, -1)
    call('RPUSH', wait, unpack(ids))
    left = left - #ids
end
if call('EXISTS', aside) == 1 then
    return 1
end
call('HDEL', meta, 'paused')
if call('LLEN', wait) + call('ZCARD', prioritized) > 0 then
    call('ZADD', marker, 0, '0')
else
    mark_delayed()
end
emit('resumed')
return 0
