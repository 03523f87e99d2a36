-- Within lease(): the job begins. A stream of a foreign type shows when it ends.
try('XADD', events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
job[7] = (tonumber(job[7]) or 0) + 1
if worker then
    call('HSET', key, 'processedOn', now, 'ats', job[7], 'pb', worker)
else
    call('HSET', key, 'processedOn', now, 'ats', job[7])
end
