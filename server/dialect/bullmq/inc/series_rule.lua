-- What a scheduler is, or the little that BullMQ 5 keeps of a repeatable job; false: nothing is kept.
-- Fields in the order of the C side. Only a scheduler, which counts, has a template.
local function series_rule(key)
    local rule = redis.pcall('HMGET', prefix .. 'repeat:' .. key, 'name', 'pattern', 'every', 'tz', 'limit', 'startDate',
        'endDate', 'offset', 'ic', has_data and 'data' or '', has_data and 'opts' or '')
    if rule.err or not rule[1] then
        return false
    end
    if has_data and rule[9] then
        rule[10], rule[11] = rule[10] or '{}', rule[11] or '{}'
    end
    return rule
end
