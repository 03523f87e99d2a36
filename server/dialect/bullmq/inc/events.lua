-- The events stream. emit leaves its length alone, emit_trimmed keeps it near its bound.
--- @include base
--- @include meta

local EVENTS_MAX = 10000 -- where the queue says nothing else; it says so from then on

local function events_max(base)
    local seen = meta_of(base)
    local max = seen[5] and tonumber(seen[5])
    if not max or not (max >= 0) then
        max = EVENTS_MAX
        seen[5] = max
        call('HSET', base .. 'meta', 'opts.maxLenEvents', max)
    end
    return math.floor(max)
end

-- Behind the name: field, value, field, value...
local function emit(name, ...)
    call('XADD', events, '*', 'event', name, ...)
end

local function emit_trimmed(name, ...)
    call('XADD', events, 'MAXLEN', '~', events_max(P), '*', 'event', name, ...)
end

-- To the stream of the queue whose keys begin with `base`.
local function emit_to(base, is_trimmed, name, ...)
    if is_trimmed then
        call('XADD', base .. 'events', 'MAXLEN', '~', events_max(base), '*', 'event', name, ...)
    else
        call('XADD', base .. 'events', '*', 'event', name, ...)
    end
end

local function trim_events()
    call('XTRIM', events, 'MAXLEN', '~', events_max(P))
end
