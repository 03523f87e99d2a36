-- Adding one job.
--- @include base
--- @include place
--- @include id

-- ARGV from `at`: 0 custom id or ""  1 name  2 data  3 opts  4 timestamp  5 delay
--   6 due time, "0": now  7 priority  8 LPUSH or RPUSH  9 debounce id or ""  10 its ttl or ""
-- Returns the id.
local ADD_ARGS = 11
local function add_job(at)
    local number = call('INCR', KEYS[10])
    local id = ARGV[at]
    if id == '' then
        id, number = free_id(P, number)
    elseif call('EXISTS', P .. id) == 1 then
        call('PUBLISH', P .. 'duplicated@' .. speaker, id)
        return id
    end
    local deid, ttl = ARGV[at + 9], ARGV[at + 10]
    if deid ~= '' then
        local key = P .. 'de:' .. deid
        local is_first
        if ttl == '' then
            is_first = call('SET', key, id, 'NX')
        else
            is_first = call('SET', key, id, 'PX', ttl, 'NX')
        end
        if not is_first then
            local owner = call('GET', key)
            call('PUBLISH', P .. 'debounced@' .. speaker, owner)
            return owner
        end
    end
    local key = P .. id
    call('HMSET', key, 'name', ARGV[at + 1], 'data', ARGV[at + 2], 'opts', ARGV[at + 3],
        'timestamp', ARGV[at + 4], 'delay', ARGV[at + 5], 'priority', ARGV[at + 7])
    if deid ~= '' then
        call('HSET', key, 'deid', deid)
    end
    local due = ARGV[at + 6]
    if due ~= '0' then
        call('ZADD', delayed, due * 4096 + bit.band(number, 4095), id)
        call('PUBLISH', delayed, due)
    else
        line_up(id, rank_of(ARGV[at + 7]), ARGV[at + 8])
        call('PUBLISH', P .. 'waiting@' .. speaker, id)
    end
    return id
end

-- The same for an iteration of a series; ARGV from `at`: 0 series, "": none  1 its slot
--   2 "1": only while the series exists  3... as above. Returns false when it does not.
local SERIES_ARGS = ADD_ARGS + 3
local function add_series_job(at)
    local series = ARGV[at]
    if series ~= '' then
        if ARGV[at + 2] == '1' and not call('ZSCORE', KEYS[12], series) then
            return false
        end
        call('ZADD', KEYS[12], ARGV[at + 1], series)
    end
    return add_job(at + 3)
end
