-- Metrics of ended jobs, one point a minute.
--- @include base

-- Counts n jobs that end now. The first one closes the minutes that have passed; for the others
-- none have.
local function measure(kind, n, points)
    local key = P .. 'metrics:' .. kind
    local before = call('HINCRBY', key, 'count', n) - n
    local seen = call('HMGET', key, 'prevTS', 'prevCount')
    if not seen[1] then
        call('HSET', key, 'prevTS', now, 'prevCount', 0)
        return
    end
    local gap = math.min(math.floor(now / 60000) - math.floor(seen[1] / 60000), points)
    if gap > 0 then
        local row = {before - (tonumber(seen[2]) or 0)}
        for i = 2, gap do
            row[i] = 0
        end
        for i = 1, gap, 5000 do
            call('LPUSH', key .. ':data', unpack(row, i, math.min(i + 4999, gap)))
        end
        call('LTRIM', key .. ':data', 0, points - 1)
        call('HSET', key, 'prevCount', before, 'prevTS', now)
    end
end
