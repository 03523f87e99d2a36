-- At the end of a commit: who listens hears that all is done.
if left > 0 and fetch_max <= 0 and meta_of(P)[2] then
    others().wake()
end
if left > 0 and token_number == token_first and rest_ms == 0 and not next and not meta_of(P)[1] and
    try('LLEN', active) == 0 and try('LLEN', wait) == 0 and try('ZCARD', prioritized) == 0 and
    (promote_max > 0 or try('ZCARD', delayed) == 0) then
    try('XADD', events, '*', 'event', 'drained')
end
