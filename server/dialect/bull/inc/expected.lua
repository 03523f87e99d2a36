-- The keys that a queue has, for the doctor: name and type.
local expected = {
    {'wait', 'list'}, {'active', 'list'}, {'paused', 'list'}, {'delayed', 'zset'}, {'completed', 'zset'},
    {'failed', 'zset'}, {'priority', 'zset'}, {'repeat', 'zset'}, {'stalled', 'set'}, {'id', 'string'},
    {'meta-paused', 'string'}, {'stalled-check', 'string'}, {'meta', 'hash'}, {'limiter', 'string'}
}
-- Those that the other dialect leaves, with its hash meta.
local strange = {events = 'stream', marker = 'zset', prioritized = 'zset'}
local STRANGE_META = 'version'

-- Whether the queue is paused, and the list that is not in use then. `kind`: of a key's type.
local function look_at_pause(kind)
    local is_paused = kind('meta-paused') == 'string'
    return is_paused, is_paused and 'wait' or 'paused'
end

-- Whether workers of the newest kind have been here.
local function is_of_today()
    return true
end
