-- Within finish(): who waited for these jobs.
left = left + run.n
for j = 1, run.n do
    local number = numbers and numbers[j] or j
    local tie = ties[number]
    if tie[4] then
        others().dedup().finalise(ids[j], tie[4])
    end
    if tie[2] or tie[3] then
        others().end_child(keys[j], tie, ARGV[first + (number - 1) * stride + 2], has_failed, goes)
    end
end
