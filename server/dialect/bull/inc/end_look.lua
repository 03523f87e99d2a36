-- Within finish(): whether the jobs are there.
local are_there = call('EXISTS', unpack(keys)) == n
