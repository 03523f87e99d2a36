-- Keys that belong to single jobs, as a scan gave them. Reads only.
--
-- ARGV: 1 what the queue's keys begin with  2 largest text that is handed out  3 bytes of texts at the
--   most  4... pairs: kind, and the id (job, lock, logs), the deduplication id (de, dn) or the key (children)
-- Result: for each that was looked at (the rest: ask again) {what}:
--   job   {type, flags as in doctor_look_page, timestamp, bytes of data, of opts, data or nil, opts or nil,
--          shadows (inc/job_signs.lua)}
--   lock  {does the job exist, ms left}   logs  {does the job exist, lines}   children  {does the job exist}
--   de    {does its job exist, ms left, id}   dn  {does its job exist, or is it gone itself}

local P, text_max, budget = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
--- @include states
--- @include job_signs

local function text_of(key, field, len)
    budget = budget - math.min(len, text_max)
    return len <= text_max and redis.call('HGET', key, field)
end

local look = {}
function look.job(id)
    local key = P .. id
    local kind, flags = redis.call('TYPE', key).ok, 0
    if kind ~= 'hash' then
        return {kind}
    elseif is_no_job(id, key) then
        return {'none'}
    end
    for i, set in ipairs(SETS) do
        if type(redis.pcall('ZSCORE', P .. set, id)) == 'string' then flags = flags + 2 ^ (i + 1) end
    end
    local data, opts = redis.call('HSTRLEN', key, 'data'), redis.call('HSTRLEN', key, 'opts')
    return {kind, flags + 1, redis.call('HGET', key, 'timestamp'), data, opts,
        text_of(key, 'data', data), text_of(key, 'opts', opts), count_shadows(key, flags % 16 >= 4)}
end

function look.lock(id)
    return {redis.call('EXISTS', P .. id), redis.call('PTTL', P .. id .. ':lock')}
end

function look.logs(id)
    local lines = redis.pcall('LLEN', P .. id .. ':logs')
    return {redis.call('EXISTS', P .. id), type(lines) == 'number' and lines or 0}
end

function look.children(suffix)
    local is_there = redis.call('EXISTS', P .. suffix) == 1
    return {is_there and redis.call('EXISTS', P .. suffix:match('^(.*):')) or 1}
end

function look.de(name)
    local id = redis.pcall('GET', P .. 'de:' .. name)
    id = type(id) == 'string' and id
    return {id and redis.call('EXISTS', P .. id) or 1, redis.call('PTTL', P .. 'de:' .. name), id or ''}
end

function look.dn(name)
    local id = redis.pcall('GET', P .. 'de:' .. name)
    local is_there = redis.call('EXISTS', P .. 'dn:' .. name) == 1
    return {is_there and (type(id) ~= 'string' or redis.call('EXISTS', P .. id) == 0) and 0 or 1}
end

local result = {}
for at = 4, #ARGV, 2 do
    if budget < 0 then break end
    result[#result + 1] = look[ARGV[at]](ARGV[at + 1])
end
return result
