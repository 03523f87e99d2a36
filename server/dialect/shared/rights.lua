-- Which commands the user of this connection may not use on a queue. Carries out none of them.
--
-- ARGV[1]  what the queue's keys and channels begin with
-- ARGV[2..] a command as ACL rules name it, and what it is asked about: plain, key, keys, channel, script,
--           stream
-- Result: the commands that are refused

if not redis.acl_check_cmd then
    return redis.error_reply('ERR rights can be asked for in Redis 7 or newer')
end
local P = ARGV[1]
local samples = {
    plain = {}, key = {P .. '1'}, keys = {P .. 'wait', P .. 'active'}, channel = {P .. 'completed'},
    script = {'return 1', '1', P .. 'id'}, stream = {'STREAMS', P .. 'events', '$'}
}

local function is_allowed(name, shape)
    local words = {}
    for word in name:gmatch('[^|]+') do words[#words + 1] = word end
    for _, sample in ipairs(samples[shape]) do words[#words + 1] = sample end
    if name == 'publish' or name == 'set' or name == 'bzpopmin' then words[#words + 1] = '1' end
    -- A command that this Redis does not have is nothing a right is lacking for.
    local is_known, answer = pcall(redis.acl_check_cmd, unpack(words))
    return not is_known or answer
end

local refused = {}
for i = 2, #ARGV, 2 do
    if not is_allowed(ARGV[i], ARGV[i + 1]) then
        refused[#refused + 1] = ARGV[i]
    end
end
return refused
