-- Taking jobs out of the lists and sets of a queue, by their ids.
--- @include base

local REMOVED = 'cartrita:removed' -- stands for an id between LSET and LREM

-- For the queue whose keys begin with D; `is_wanted`: the ids, as keys. Returns {
--   look(list, first, last): looks at the ids of this list from index `first` to `last`, both from the
--     head or both (below 0) from the tail; how many there are
--   near[id]: {list, index...}, of those that were seen there
--   take(id, place): takes it out; place: {list, index...} or {set, false}
--   close(): what ends it. In between nothing else may be pushed to these lists }
local function open_taking(D, is_wanted)
    local near, at_tail, at_head, taking = {}, {}, {}, {}
    taking.near = near

    function taking.look(list, first, last)
        local ids = call('LRANGE', list, first, last)
        local before = (first < 0 and -#ids + last + 1 or first) - 1
        for i = 1, #ids do
            local id = ids[i]
            if is_wanted[id] then
                local place = near[id]
                if place and place[1] == list then -- it is there twice
                    place[#place + 1] = before + i
                else
                    near[id] = {list, before + i}
                end
            end
        end
        return #ids
    end

    function taking.take(id, place)
        local key = place[1]
        if not place[2] then
            call('ZREM', key, id)
        end
        for i = 2, place[2] and #place or 0 do
            local index, len = place[i], call('LLEN', key)
            local side = (index < 0 and -index or len - index) > len / 2 and at_head or at_tail
            call('LSET', key, index, REMOVED)
            side[key] = (side[key] or 0) + 1
        end
    end

    -- One pass is enough for all ids of a half, from the end that is nearer.
    function taking.close()
        for key, count in pairs(at_tail) do
            call('LREM', key, -count, REMOVED)
        end
        for key, count in pairs(at_head) do
            call('LREM', key, count, REMOVED)
        end
    end

    return taking
end

-- Looks where a page, `offset` from the tail of the list, showed them: others take and add there.
local SLACK, PAGE = 500, 100
local function look_near(taking, list, offset)
    local first = math.max(offset - SLACK, 0)
    taking.look(list, -(first + PAGE + 2 * SLACK), -(first + 1))
end
