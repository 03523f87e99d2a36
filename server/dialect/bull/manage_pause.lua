-- Pauses a queue for all its workers, or ends that, as Bull does. Where it would rename one list onto
-- another and lose what that holds, that goes ahead of the rest first, a part a call.
--
-- KEYS and ARGV 1 to 3: inc/base.lua. ARGV: 4 "1": pause, "0": resume  5 jobs to move in one call
-- Result: 1: ask again; 0: done
--- @include base
--- @include check

local is_pause, left = ARGV[4] == '1', tonumber(ARGV[5])
local from, to, meta = wait, KEYS[8], P .. 'meta'
if not is_pause then
    from, to = to, from
end
local problem = foreign_key()
local is = call('TYPE', meta).ok
if not problem and is ~= 'none' and is ~= 'hash' then
    problem = 'WRONGTYPE ' .. meta .. ' is a ' .. is .. ', not a hash'
end
if problem then
    return redis.error_reply(problem)
end

local BATCH = 1000
local has_from = call('EXISTS', from) == 1
while has_from and left > 0 and call('EXISTS', to) == 1 do
    local ids = call('LRANGE', to, 0, BATCH - 1)
    call('LTRIM', to, #ids, -1)
    call('RPUSH', from, unpack(ids))
    left = left - #ids
end
if has_from and call('EXISTS', to) == 1 then
    return 1
end
if has_from then
    call('RENAME', from, to)
end
if is_pause then
    call('SET', KEYS[9], 1)
    call('HSET', meta, 'paused', 1)
    call('PUBLISH', KEYS[8], 'paused')
else
    call('DEL', KEYS[9])
    call('HDEL', meta, 'paused')
    call('PUBLISH', P .. 'resumed', 'resumed')
end
return 0
