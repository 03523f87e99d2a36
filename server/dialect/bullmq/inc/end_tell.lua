-- Within finish(): the events of job j.
if has_failed then
    call('XADD', events, '*', 'event', 'failed', 'jobId', ids[j], 'failedReason', ARGV[place + 2], 'prev', 'active')
    if ARGV[place + 3] == '1' then
        call('XADD', events, '*', 'event', 'retries-exhausted', 'jobId', ids[j], 'attemptsMade', ARGV[place + 5])
    end
else
    call('XADD', events, '*', 'event', 'completed', 'jobId', ids[j], 'returnvalue', ARGV[place + 2], 'prev', 'active')
end
