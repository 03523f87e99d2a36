-- The events stream. emit leaves its length alone, emit_trimmed keeps it near its bound.
--- @include base
--- @include meta

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
