-- What the first KEYS are when they are there, in order.
local kinds = {'list', 'list', 'zset', 'set', 'zset', 'zset', 'zset', 'list'}
