-- The next job of a series, made when one of its jobs begins.
--- @include base
--- @include check
--- @include events
--- @include iteration

-- ARGV from `at`: 0 series  1 id of the job that begins  2 its next slot, "": the series runs by `every`
--   3 `every` of that job's options, "": none  4... put_iteration (inc/iteration.lua)
-- Returns where they end. Raises what is wrong, before it has changed anything.
--
-- Only the job of the series' last slot makes another: those that are retried or were replaced have
-- their successors.
local SERIES_ARGS = 4 + ITERATION_ARGS
local function advance_series(at)
    local series, mine, slot = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
    local behind = at + SERIES_ARGS
    local problem = foreign_key()
    if problem then
        error({err = problem})
    end
    local last = call('ZSCORE', KEYS[12], series)
    if not last or mine ~= 'repeat:' .. series .. ':' .. last then
        return behind
    end
    local key = P .. 'repeat:' .. series
    local rule = call('HMGET', key, 'name', 'data', 'every', 'offset', 'ic')
    local name, data = rule[1], rule[2]
    if not slot then
        local every = tonumber(rule[3] or ARGV[at + 3])
        if not every or not (every >= 1) then
            error({err = 'ERR series ' .. series .. ' says neither pattern nor every'})
        end
        slot = next_every(tonumber(last), every, tonumber(rule[4]) or 0)
    end
    if call('EXISTS', P .. iteration_id(series, slot)) == 1 then
        emit_trimmed('duplicated', 'jobId', iteration_id(series, slot))
        return behind
    end
    if not (name and (data or rule[5])) then
        -- From before there were schedulers: all that is known of its jobs is the one that begins. What
        -- it has becomes that of the series.
        local seen = call('HMGET', P .. mine, 'name', 'data')
        name, data = name or seen[1] or '', data or seen[2]
        call('HSET', key, 'name', name)
        if data and data ~= '{}' then
            call('HSET', key, 'data', data)
        end
    end
    call('HINCRBY', key, 'ic', 1)
    call('ZADD', KEYS[12], whole(slot), series)
    put_iteration(at + 4, series, slot, name, data or '{}')
    return behind
end
