-- Keys of a queue for the sums of its memory: of each job, by class, what follows its key; of the
-- queue, by class, what follows the prefix.
local OF_JOBS = {{'logs', {':logs'}}}
local OF_QUEUE = {
    {'order', {'wait', 'paused', 'active', 'delayed', 'completed', 'failed', 'priority', 'stalled'}},
    {'other', {'id', 'meta', 'meta-paused', 'stalled-check', 'repeat', 'limiter', 'limiter:index',
        'limiter:limited', 'metrics:completed', 'metrics:failed', 'metrics:completed:data',
        'metrics:failed:data'}}
}
