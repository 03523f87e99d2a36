-- Where jobs are, all seen in one moment. Reads only.
--
-- ARGV[1]  what the queue's keys begin with
-- ARGV[2..] ids
-- Result: for each {type of its key, has a lock, in priority, mark, place...}; the mark of a job
--   changes with each run (its times and counters), that of a series is the time of its next job

local P = ARGV[1]
--- @include where

local result = {}
for at = 2, #ARGV do
    local id = ARGV[at]
    local key = P .. id
    local kind, mark = redis.call('TYPE', key).ok, ''
    if kind == 'hash' then
        local fields = redis.call('HMGET', key, 'processedOn', 'attemptsMade', 'ats')
        mark = (fields[1] or '') .. ' ' .. (fields[2] or '') .. ' ' .. (fields[3] or '')
    else
        local slot = redis.pcall('ZSCORE', P .. 'repeat', id)
        mark = type(slot) == 'string' and slot or ''
    end
    result[#result + 1] = {kind, redis.call('EXISTS', key .. ':lock'), is_in_set('priority', id) and 1 or 0, mark,
        unpack((places_of(id)))}
end
return result
