-- When a job was to wait at first: added, or due. A promoted job keeps its first timestamp; what it
-- was delayed by is left in its options alone. Options longer than this are not looked into.
local OPTS_MAX = 65536

local function due(opts, timestamp)
    local delay
    if opts and #opts <= OPTS_MAX and opts:find('"delay"', 1, true) then
        local ok, decoded = pcall(cjson.decode, opts)
        delay = ok and type(decoded) == 'table' and tonumber(decoded.delay)
    end
    return timestamp + (delay or 0)
end
