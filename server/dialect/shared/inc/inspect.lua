-- The text of an error that names the key which has a foreign type.
local function explain(reply, key)
    if reply.err:find('^WRONGTYPE') then
        return 'WRONGTYPE ' .. key .. ' is a ' .. redis.call('TYPE', key).ok
    end
    return reply.err
end
