-- A part of a job's log, and whether more may come. Reads only.
--
-- KEYS[1]  the job hash
-- ARGV[1]  the queue's key prefix, with its last colon
-- ARGV[2]  the job's id
-- ARGV[3]  first line, from 0; below 0: counted from the end; at most the end
-- ARGV[4]  lines at the most
-- ARGV[5]  bytes at the most; the line that passes it is the last one
-- Result: {exists, has ended, lines of the whole log, number of the first line, {line...}}

--- @include inspect

local STEP = 16 -- lines that are read before their bytes are counted
local prefix, id = ARGV[1], ARGV[2]
local first, limit, bytes_left = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local key = KEYS[1] .. ':logs'

local count = redis.pcall('LLEN', key)
if type(count) == 'table' then
    return {err = explain(count, key)}
end
first = first < 0 and math.max(count + first, 0) or math.min(first, count)

local ended = 0
for _, set in ipairs({'completed', 'failed'}) do
    local score = redis.pcall('ZSCORE', prefix .. set, id)
    if type(score) == 'table' and score.err then
        return {err = explain(score, prefix .. set)}
    end
    if score then ended = 1 end
end

local lines, last = {}, math.min(count, first + limit) - 1
while first + #lines <= last and bytes_left > 0 do
    local from = first + #lines
    local part = redis.call('LRANGE', key, from, math.min(from + STEP - 1, last))
    for i = 1, #part do
        if bytes_left > 0 then
            lines[#lines + 1] = part[i]
            bytes_left = bytes_left - #part[i]
        end
    end
end
return {redis.call('EXISTS', KEYS[1]), ended, count, first, lines}
