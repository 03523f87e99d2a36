-- What the KEYS are when they are there, in order.
local kinds = {
    'list', 'list', 'zset', 'set', 'zset', 'zset', 'zset', 'list', 'zset', 'string', 'string', 'zset', 'hash',
    'stream', 'zset', 'string', 'string'
}
