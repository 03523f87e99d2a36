-- How many children of a job are kept with it: completed, pending, failed but ignored, failed for
-- both. Needs inspect_call.
local function count_children(key)
    return {
        call('HLEN', key .. ':processed'), call('SCARD', key .. ':dependencies'),
        call('HLEN', key .. ':failed'), call('ZCARD', key .. ':unsuccessful')
    }
end
