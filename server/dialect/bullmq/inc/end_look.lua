-- Within finish(): whether the jobs are there, and whom else they concern.
local ties, are_there = {}, true
for i = 1, n do
    ties[i] = try('HMGET', keys[i], 'name', 'parentKey', 'parent', 'deid', 'defa')
    are_there = are_there and ties[i][1]
end
