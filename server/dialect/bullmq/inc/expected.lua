-- The keys that a queue has, for the doctor: name and type.
local expected = {
    {'wait', 'list'}, {'active', 'list'}, {'paused', 'list'}, {'prioritized', 'zset'}, {'delayed', 'zset'},
    {'waiting-children', 'zset'}, {'completed', 'zset'}, {'failed', 'zset'}, {'repeat', 'zset'},
    {'stalled', 'set'}, {'id', 'string'}, {'pc', 'string'}, {'stalled-check', 'string'}, {'meta', 'hash'},
    {'limiter', 'string'}, {'marker', 'zset'}, {'events', 'stream'}, {'metrics:completed', 'hash'},
    {'metrics:failed', 'hash'}, {'metrics:completed:data', 'list'}, {'metrics:failed:data', 'list'}
}
-- Those that the other dialect leaves.
local strange = {['meta-paused'] = 'string', priority = 'zset', ['limiter:index'] = 'hash'}
local STRANGE_META

-- Whether the queue is paused, and the list that is not in use then: clients of 5.x put the jobs of a
-- paused queue aside, which is well as long as all of them lie there. `kind`: of a key's type.
local function look_at_pause(kind)
    local is_paused = kind('meta') == 'hash' and redis.call('HEXISTS', P .. 'meta', 'paused') == 1
    return is_paused, not (is_paused and kind('wait') == 'none') and 'paused' or ''
end

-- Whether workers of 5.0 or newer have been here.
local function is_of_today(kind)
    local version = kind('meta') == 'hash' and redis.call('HGET', P .. 'meta', 'version')
    local major = version and version:match('^bullmq:(%d+)')
    return kind('marker') == 'zset' or (tonumber(major) or 0) >= 5
end
