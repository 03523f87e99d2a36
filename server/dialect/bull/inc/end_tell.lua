-- Within finish(): the event of job j.
call('PUBLISH', set, ARGV[place + 3])
