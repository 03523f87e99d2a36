-- Within finish(): nothing stays of these jobs.
call('DEL', unpack(keys, 1, run.n))
for j = 1, run.n do
    keys[j] = keys[j] .. ':logs'
end
call('DEL', unpack(keys, 1, run.n))
