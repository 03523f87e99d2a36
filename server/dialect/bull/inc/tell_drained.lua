-- At the end of a commit: who listens hears that nothing waits.
if is_drained and parked == 0 and token_number == token_first or fetch_max < 0 and try('LLEN', wait) == 0 then
    call('PUBLISH', P .. 'drained', '')
end
