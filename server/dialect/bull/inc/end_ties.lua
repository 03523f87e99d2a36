-- Within finish(): whom else the end of these jobs concerns.
if ARGV[at + 3] == '1' then
    for j = 1, run.n do
        endings().free_debounce(try('HGET', keys[j], 'deid'))
    end
end
