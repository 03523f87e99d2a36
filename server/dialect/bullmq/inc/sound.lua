-- Whether a queue's keys, ours or another's, are what they should be: asked before a job moves, because
-- there is no rollback.
--- @include base
--- @include check

local sound_kinds = {
    wait = 'list', paused = 'list', prioritized = 'zset', delayed = 'zset', ['waiting-children'] = 'zset',
    marker = 'zset', meta = 'hash', events = 'stream', pc = 'string', id = 'string',
}
local known_sound = {}

-- Raises when it is not. Each key is looked at once in a call.
local function need_sound(base, name)
    local key = base .. name
    if not known_sound[key] then
        local problem = foreign(key, sound_kinds[name])
        if problem then
            error({err = problem})
        end
        known_sound[key] = true
    end
end

local function need_all_sound(base)
    for name in pairs(sound_kinds) do
        need_sound(base, name)
    end
end
