-- Within finish(): the end of job j, into its hash.
if has_failed then
    written = try('HSET', keys[j], 'stacktrace', ARGV[place + 4], 'failedReason', ARGV[place + 2],
        'attemptsMade', ARGV[place + 5], 'finishedOn', now)
else
    written = try('HSET', keys[j], 'returnvalue', ARGV[place + 2], 'finishedOn', now)
end
