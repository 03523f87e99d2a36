-- Within finish(): a job cannot complete while children are pending (-4), nor when one failed that may
-- not fail (-9); it keeps its lock. Nor can a job end where its event cannot be told.
if not has_failed and run.n > 0 then
    local names = {}
    for j = 1, run.n do
        names[2 * j - 1], names[2 * j] = run.keys[j] .. ':dependencies', run.keys[j] .. ':unsuccessful'
    end
    if call('EXISTS', unpack(names)) > 0 then
        others().sift(run, others().held_by_children(run))
    end
end
if run.n > 0 then
    local is_fine, problem = pcall(trim_events)
    if not is_fine then
        others().refuse(run, problem)
    end
end
