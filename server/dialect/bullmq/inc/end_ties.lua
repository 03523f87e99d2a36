-- Within finish(): who waited for these jobs.
left = left + run.n
for j = 1, run.n do
    local number = numbers and numbers[j] or j
    local tie, problem = ties[number], nil
    if tie[4] then
        problem = others().dedup().finalise(ids[j], tie[4])
    end
    if tie[2] or tie[3] then
        problem = others().end_child(keys[j], tie, ARGV[first + (number - 1) * stride + 2], has_failed, goes) or
            problem
    end
    if problem then
        untold = {ids[j], problem}
    end
end
