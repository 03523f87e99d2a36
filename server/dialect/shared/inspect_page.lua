-- A page of the jobs in one state, with the fields that are asked for. Reads only.
--
-- KEYS[1]  the list or sorted set of the state
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  'list' or 'zset'
-- ARGV[3]  'asc' (next to run, or oldest, first) or 'desc'
-- ARGV[4]  first position, from 0
-- ARGV[5]  number of jobs at the most
-- ARGV[6]  bytes at the most; the job that passes it is the last one
-- ARGV[7..] fields of the job hash
-- Result: {jobs in this state, {id, score or nil, field...}, ...}; no fields when the hash is gone

--- @include inspect
--- @include states

local key = KEYS[1]
local prefix = ARGV[1]
local is_list, is_asc = ARGV[2] == 'list', ARGV[3] == 'asc'
local first, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local bytes_left = tonumber(ARGV[6])
local last = first + limit - 1
local ids, step = nil, 1

local function call(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then
        return nil, {err = explain(reply, (select(2, ...)))}
    end
    return reply
end

local total, failure = call(is_list and 'LLEN' or 'ZCARD', key)
if failure then return failure end

local tail, head = 0, 0
if is_list and total > 0 then
    tail, head = markers_in(key, total)
    total = total - tail - head
    last = math.min(last, total - 1)
end

if is_list and first > last then
    ids = {}
elseif is_list and is_asc then
    -- Jobs are taken from the tail.
    local part = redis.call('LRANGE', key, -(last + 1 + tail), -(first + 1 + tail))
    ids = {}
    for i = #part, 1, -1 do
        ids[#ids + 1] = part[i]
    end
elseif is_list then
    ids = redis.call('LRANGE', key, first + head, last + head)
elseif is_asc then
    ids, step = redis.call('ZRANGE', key, first, last, 'WITHSCORES'), 2
else
    ids, step = redis.call('ZREVRANGE', key, first, last, 'WITHSCORES'), 2
end

local result = {total}
for at = 1, #ids, step do
    local job = {ids[at], step == 2 and ids[at + 1]}
    local job_key = prefix .. ids[at]
    if redis.call('TYPE', job_key).ok == 'hash' then
        local fields = redis.call('HMGET', job_key, unpack(ARGV, 7))
        for i = 1, #fields do
            job[i + 2] = fields[i]
            bytes_left = bytes_left - (fields[i] and #fields[i] or 0)
        end
    end
    result[#result + 1] = job
    if bytes_left < 0 then break end
end
return result
