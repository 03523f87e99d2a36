-- Within lease(): the job begins.
call('PUBLISH', active_channel, id)
call('HSET', key, 'processedOn', now)
