-- Whose queue it is: what in its keys and in a few of its jobs only Bull leaves there, and what only
-- BullMQ. A fixed number of short commands, however long the queue is. Reads only; the same script in
-- each dialect.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- Result: {1 when the queue has any key, signs of BullMQ, signs of Bull, signs that are Bull's where
--          there is none of BullMQ}, each a text for people, '' for none

-- Of each list or set; larger texts are not looked into.
local SAMPLE_MAX, TEXT_MAX = 3, 16384
local P = ARGV[1]
local found = {bullmq = {}, bull = {}, perhaps = {}}
local seen = {}

local function note(whose, sign)
    if not seen[sign] then
        seen[sign] = true
        table.insert(found[whose], sign)
    end
end

local function is_a(kind, suffix)
    return redis.call('TYPE', P .. suffix).ok == kind
end

local function note_keys(whose, kinds)
    for _, pair in ipairs(kinds) do
        if is_a(pair[2], pair[1]) then note(whose, pair[1]) end
    end
end

note_keys('bullmq', {{'events', 'stream'}, {'marker', 'zset'}, {'prioritized', 'zset'}, {'pc', 'string'},
    {'waiting-children', 'zset'}})
note_keys('bull', {{'meta-paused', 'string'}, {'priority', 'zset'}, {'limiter:index', 'hash'}, {'limiter:limited', 'set'}})
if is_a('hash', 'meta') then
    local meta = redis.call('HMGET', P .. 'meta', 'version', 'opts.maxLenEvents')
    if meta[1] and meta[1]:find('^bullmq:') then note('bullmq', 'meta version') end
    if meta[2] then note('bullmq', 'meta opts.maxLenEvents') end
end

-- Bull writes all three into the options of every job; BullMQ those that a producer gives, and all of
-- them into the jobs of a series.
local function has_options_of_bull(text)
    if not text or #text > TEXT_MAX then return false end
    local is_fine, opts = pcall(cjson.decode, text)
    return is_fine and type(opts) == 'table' and opts.attempts ~= nil and opts.delay ~= nil
        and opts.timestamp ~= nil and opts['repeat'] == nil and opts.prevMillis == nil
end

local function look_at_job(id)
    if redis.call('TYPE', P .. id).ok ~= 'hash' then
        if id:find('^0:') then note('bullmq', 'a marker in a list') end
        return
    end
    local job = redis.call('HMGET', P .. id, 'ats', 'atm', 'rjk', 'name', 'attemptsMade', 'opts')
    if job[1] or job[2] then
        note('bullmq', 'ats or atm of a job')
    elseif not job[3] and (job[4] == '__default__' or has_options_of_bull(job[6])) then
        note(job[5] and 'bull' or 'perhaps', 'options of a job')
    end
end

for _, list in ipairs({'wait', 'paused', 'active'}) do
    if is_a('list', list) then
        for _, id in ipairs(redis.call('LRANGE', P .. list, 0, SAMPLE_MAX - 1)) do look_at_job(id) end
    end
end
for _, set in ipairs({'delayed', 'completed', 'failed'}) do
    if is_a('zset', set) then
        for _, id in ipairs(redis.call('ZRANGE', P .. set, -SAMPLE_MAX, -1)) do look_at_job(id) end
    end
end

-- name:id:endDate:tz:rule, the rule being a cron expression or milliseconds.
if is_a('zset', 'repeat') then
    for _, member in ipairs(redis.call('ZRANGE', P .. 'repeat', 0, SAMPLE_MAX - 1)) do
        local rule = member:match('^[^:]*:[^:]*:%d*:.*:([^:]*)$')
        local is_legacy = rule and (rule:find(' ') or rule:find('^%d+$'))
        if is_legacy and redis.call('EXISTS', P .. 'repeat:' .. member) == 0 then
            note('perhaps', 'a repeatable job')
        end
    end
end

local count = redis.call('EXISTS', KEYS[1], P .. 'wait', P .. 'active', P .. 'paused', P .. 'delayed', P .. 'completed',
    P .. 'failed', P .. 'repeat')
for _, signs in pairs(found) do count = count + #signs end
return {count > 0 and 1 or 0, table.concat(found.bullmq, ', '), table.concat(found.bull, ', '),
    table.concat(found.perhaps, ', ')}
