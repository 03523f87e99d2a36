-- A command; an error of it ends the script, and names the key of a foreign type. Needs inspect.
local function call(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then
        error(explain(reply, (select(2, ...))), 0)
    end
    return reply
end
