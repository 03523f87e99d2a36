-- An error reply that names the key which has a foreign type.
local function explain(reply, key)
    if reply.err:find('^WRONGTYPE') then
        return {err = 'WRONGTYPE ' .. key .. ' is a ' .. redis.call('TYPE', key).ok}
    end
    return {err = reply.err}
end
