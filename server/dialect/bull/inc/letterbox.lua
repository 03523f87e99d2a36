-- A queue that gets dead letters.
--- @include base

local MADE_FIELDS = {'attemptsMade'}
local function made_attempts(made)
    return made or '0'
end

-- The one whose keys begin with D; need(key, kind) raises what is wrong with a key. Returns {
--   put(id): a job whose hash is there waits; how many do
--   drop_oldest(): removes the one that waits longest }
local function open_letterbox(D, need)
    local list = need(D .. (call('EXISTS', D .. 'meta-paused') == 1 and 'paused' or 'wait'), 'list')
    local has_ranks, box = call('EXISTS', D .. 'priority') == 1, {}

    function box.put(id)
        local count = call('LPUSH', list, id)
        call('PUBLISH', D .. 'waiting@' .. speaker, id)
        return count
    end

    function box.drop_oldest()
        local oldest = call('RPOP', list)
        call('DEL', D .. oldest, D .. oldest .. ':logs')
        if has_ranks then
            call('ZREM', D .. 'priority', oldest)
        end
    end

    return box
end
