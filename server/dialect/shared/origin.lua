-- Who wrote a queue, and what of it runs otherwise here: signs in its keys and in a sample of its jobs.
-- Reads only; the same script in each dialect.
--
-- KEYS[1]  the id counter of the queue
-- ARGV[1]  the queue's key prefix, with its last colon
-- Result: {sign, how often, an example}, flat; dialect/origin.c knows what each sign means

-- Of each state; larger texts are not looked into.
local SAMPLE_MAX, TEXT_MAX = 20, 16384
local P = ARGV[1]
local order, count, example = {}, {}, {}

local function note(sign, where)
    if not count[sign] then
        order[#order + 1] = sign
        count[sign], example[sign] = 0, where
    end
    count[sign] = count[sign] + 1
end

local function kind(suffix)
    return redis.call('TYPE', P .. suffix).ok
end

local function note_keys(expected)
    for suffix, is in pairs(expected) do
        if kind(suffix) == is then
            note('key ' .. suffix, P .. suffix)
        end
    end
end

note_keys({events = 'stream', marker = 'zset', prioritized = 'zset', ['waiting-children'] = 'zset', pc = 'string'})
note_keys({['meta-paused'] = 'string', priority = 'zset', ['limiter:index'] = 'hash', ['wait:added'] = 'list'})
note_keys({limiter = 'string', ['repeat'] = 'zset', ['metrics:completed'] = 'hash', ['metrics:failed'] = 'hash'})
local is_paused = false
if kind('meta') == 'hash' then
    local fields = redis.call('HMGET', P .. 'meta', 'version', 'opts.maxLenEvents', 'paused', 'concurrency', 'max')
    if fields[1] then note('version', string.sub(fields[1], 1, 60)) end
    if fields[2] then note('maxLenEvents', P .. 'meta') end
    if fields[2] and not fields[1] then note('no version', P .. 'meta') end
    is_paused = fields[3]
    if fields[4] then note('global concurrency', fields[4]) end
    if fields[5] then note('global limit', fields[5]) end
end
if kind('paused') == 'list' then
    note('jobs put aside', string.format('%d in paused', redis.call('LLEN', P .. 'paused')))
end
if kind('marker') == 'zset' then
    local score = redis.call('ZSCORE', P .. 'marker', '0')
    if score and tonumber(score) > 0 then note('marker of 5.0', P .. 'marker') end
end
if count['key meta-paused'] and not is_paused then
    note('paused by meta-paused alone', P .. 'meta-paused')
end

local RESERVED = {wait = 1, active = 1, priority = 1, stalled = 1, completed = 1, failed = 1, delayed = 1,
    paused = 1, ['meta-paused'] = 1, meta = 1, id = 1, ['stalled-check'] = 1, ['repeat'] = 1, limiter = 1}

local function look_at_retention(id, keep, name)
    if keep == cjson.null then
        note(name .. ' null', id)
    elseif type(keep) == 'table' then
        note('retention by age', id)
    elseif keep == 0 and name == 'removeOnFail' then
        note('removeOnFail 0', id)
    end
end

local function look_at_backoff(id, backoff)
    if type(backoff) ~= 'table' then
        return
    elseif type(backoff.type) ~= 'string' then
        note('backoff without type', id)
    elseif backoff.type ~= 'fixed' and backoff.type ~= 'exponential' then
        note('backoff of its own', backoff.type)
    end
end

local function look_at_series(id, series)
    if type(series) ~= 'table' then return end
    if series.key == nil then note('repeat without key', id) end
    local rule = series.cron or series.pattern
    if rule ~= nil and series.tz == nil then note('cron without zone', id) end
end

-- name:id:endDate:tz:rule, the rule being a cron expression or milliseconds.
local function look_at_member(member)
    local rule = member:match('^[^:]*:[^:]*:%d*:.*:([^:]*)$')
    local key = P .. 'repeat:' .. member
    if redis.call('TYPE', key).ok == 'hash' then
        note(redis.call('HEXISTS', key, 'ic') == 1 and 'scheduler' or 'repeatable with a hash', member)
    elseif rule and (rule:find(' ') or rule:find('^%d+$')) then
        note('repeatable without a hash', member)
    end
end

-- What BullMQ does not have, or not so.
local function look_at_bull_only(id, opts)
    if type(opts.timeout) == 'number' and opts.timeout > 0 then note('timeout', id) end
    if opts.debounce ~= nil then note('debounce', id) end
    local given = type(opts.jobId) == 'number' and tostring(opts.jobId) or opts.jobId
    if type(given) == 'string' and opts['repeat'] == nil and (given:find('^%-?%d+$') or given:find(':')) then
        note('id that BullMQ refuses', given)
    end
end

local function look_at_opts(id, text)
    local is_fine, opts = pcall(cjson.decode, text)
    if not is_fine or type(opts) ~= 'table' then
        note('opts no JSON', id)
        return
    end
    if opts.attempts ~= nil and opts.delay ~= nil and opts.timestamp ~= nil then
        note('opts of Bull', id)
    end
    look_at_bull_only(id, opts)
    look_at_retention(id, opts.removeOnComplete, 'removeOnComplete')
    look_at_retention(id, opts.removeOnFail, 'removeOnFail')
    look_at_backoff(id, opts.backoff)
    look_at_series(id, opts['repeat'])
    if opts.priority ~= nil and type(opts.priority) ~= 'number' then note('priority no number', id) end
    if type(opts.timeout) == 'number' and opts.timeout < 0 then note('timeout negative', id) end
    if type(opts.debounce) == 'table' and opts.debounce.ttl == 0 then note('debounce ttl 0', id) end
end

-- Fields by which clients of BullMQ tell their age.
local AGES = {'pb', 'rjk', 'deid', 'stc', 'defa'}

local function look_at_age(id, key, job)
    local is_new = job[3] or job[4]
    for _, field in ipairs(AGES) do
        if is_new and redis.call('HEXISTS', key, field) == 1 then note('field ' .. field, id) end
    end
    if is_new and redis.call('HEXISTS', key, 'stalledCounter') == 1 then note('stalledCounter of 5', id) end
    if not job[9] and redis.call('HEXISTS', key, 'attemptsMade') == 1 then
        note(is_new and 'attempts of two kinds' or 'attempts of old', id)
    end
    if redis.call('EXISTS', key .. ':unsuccessful') == 1 then note('failed children', id) end
    if job[5] and redis.call('EXISTS', P .. 'dn:' .. job[5]) == 1 then note('kept job', job[5]) end
end

local function look_at_job(id)
    local key = P .. id
    if id:find(':lock$') or id:find(':logs$') or RESERVED[id] then
        note('reserved id', id)
    end
    if redis.call('TYPE', key).ok ~= 'hash' then
        note(id:find('^0:') and 'marker in a list' or 'id without a job', id)
        return
    end
    local job = redis.call('HMGET', key, 'name', 'priority', 'ats', 'atm', 'deid', 'retriedOn', 'crashes',
        'failedReason', 'finishedOn', 'timestamp')
    if job[3] or job[4] then note('job of BullMQ 5', id) end
    look_at_age(id, key, job)
    if job[1] == '__default__' then note('default name', id) end
    if job[10] and not job[2] then note('job without priority', id) end
    if job[5] then note('debounce id', id) end
    if job[6] then note('retriedOn', id) end
    if job[7] then note('crashes', id) end
    if job[8] == 'job stalled more than allowable limit' and not job[9] then note('stalled without finishedOn', id) end
    for _, field in ipairs({'opts', 'data'}) do
        local len = redis.call('HSTRLEN', key, field)
        local text = len > 0 and len <= TEXT_MAX and redis.call('HGET', key, field)
        if text and field == 'opts' then
            look_at_opts(id, text)
        elseif text and not pcall(cjson.decode, '[' .. text .. ']') then
            note('data no JSON', id)
        end
    end
end

for _, home in ipairs({'wait', 'paused', 'active'}) do
    if kind(home) == 'list' then
        for _, id in ipairs(redis.call('LRANGE', P .. home, 0, SAMPLE_MAX - 1)) do look_at_job(id) end
    end
end
for _, home in ipairs({'delayed', 'prioritized', 'waiting-children', 'completed', 'failed'}) do
    if kind(home) == 'zset' then
        for _, id in ipairs(redis.call('ZREVRANGE', P .. home, 0, SAMPLE_MAX - 1)) do look_at_job(id) end
    end
end
if kind('repeat') == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', P .. 'repeat', 0, SAMPLE_MAX - 1)) do look_at_member(member) end
end
local result = {}
for _, sign in ipairs(order) do
    result[#result + 1] = sign
    result[#result + 1] = count[sign]
    result[#result + 1] = example[sign]
end
return result
