-- Parents in waiting-children, and what they wait for. Reads only.
--
-- ARGV: 1 what the queue's keys begin with  2 children to look at, at the most  3... ids
-- Result: for each that was looked at (the rest: ask again) {children it waits for, of those that were
--   looked at: how many, gone, completed, failed, one of them}; {-1}: it waits for none

local P, budget = ARGV[1], tonumber(ARGV[2])

local function is_in(child, set)
    local base, id = child:match('^(.*:)([^:]*)$')
    return base and type(redis.pcall('ZSCORE', base .. set, id)) == 'string'
end

local function look_at(id)
    local key = P .. id .. ':dependencies'
    local count = redis.pcall('SCARD', key)
    if not redis.call('ZSCORE', P .. 'waiting-children', id) or redis.call('EXISTS', P .. id) == 0 or type(count) ~= 'number' then
        return {-1}
    end
    local found, seen, example, cursor = {gone = 0, completed = 0, failed = 0}, 0, '', '0'
    local function note(what, child)
        found[what] = found[what] + 1
        example = example == '' and child or example
    end
    repeat
        local some = redis.call('SSCAN', key, cursor, 'COUNT', 100)
        cursor = some[1]
        for _, child in ipairs(some[2]) do
            seen = seen + 1
            if redis.call('EXISTS', child) == 0 then
                note('gone', child)
            elseif is_in(child, 'completed') then
                note('completed', child)
            elseif is_in(child, 'failed') then
                note('failed', child)
            end
        end
    until cursor == '0' or seen >= budget
    budget = budget - seen
    return {count, seen, found.gone, found.completed, found.failed, example}
end

local result = {}
for at = 3, #ARGV do
    if #result > 0 and budget <= 0 then break end
    result[#result + 1] = look_at(ARGV[at])
end
return result
