-- Keys of a queue for the sums of its memory: of each job, by class, what follows its key; of the
-- queue, by class, what follows the prefix.
local OF_JOBS = {
    {'logs', {':logs'}}, {'children', {':dependencies', ':processed', ':failed', ':unsuccessful'}}
}
local OF_QUEUE = {
    {'events', {'events'}},
    {'order', {'wait', 'paused', 'active', 'prioritized', 'delayed', 'waiting-children', 'completed',
        'failed', 'stalled'}},
    {'other', {'id', 'pc', 'meta', 'marker', 'stalled-check', 'repeat', 'limiter', 'metrics:completed',
        'metrics:failed', 'metrics:completed:data', 'metrics:failed:data'}}
}
