-- Which job of a scheduler keeps it going.
--- @include base
--- @include options

-- Whether the series of this job would end without it: it has not ended, and is the latest. D: what
-- the keys of its queue begin with.
local function is_next_of_series(D, id, state)
    if id:sub(1, 7) ~= 'repeat:' or state == 'completed' or state == 'failed' then
        return false
    end
    local series = try('HGET', D .. id, 'rjk')
    if type(series) == 'string' then
        local slot = call('ZSCORE', D .. 'repeat', series)
        return slot and id == 'repeat:' .. series .. ':' .. string.format('%.0f', slot)
    end
    -- Those of 5.9 and older know their series by their options alone, and no newer worker goes on
    -- with it.
    return type(options_of(D .. id)['repeat']) == 'table'
end
