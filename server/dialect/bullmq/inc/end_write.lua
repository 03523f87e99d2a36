-- Within finish(): the end of job j, into its hash.
if has_failed then
    written = try('HSET', keys[j], 'stacktrace', ARGV[place + 4], 'failedReason', ARGV[place + 2],
        'atm', ARGV[place + 5], 'finishedOn', now)
    if ties[numbers and numbers[j] or j][5] then
        try('HDEL', keys[j], 'defa')
    end
else
    written = try('HSET', keys[j], 'returnvalue', ARGV[place + 2], 'atm', ARGV[place + 3], 'finishedOn', now)
end
