-- What belongs to one job, but for its lock.
--- @include base

-- `key`: the full key of the job. How many of its keys were there.
local function delete_job(key)
    return call('DEL', key, key .. ':logs', key .. ':dependencies', key .. ':processed', key .. ':failed', key .. ':unsuccessful')
end
