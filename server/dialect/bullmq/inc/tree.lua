-- Jobs and all that they were made to wait for, removed together.
--- @include base
--- @include answers
--- @include events
--- @include delete
--- @include forget
--- @include parent

-- One call removes so many jobs, and walks past so many ids of lists to take them out; one job comes
-- through in any case. A tree of more goes from below, a part a call: what is left of it is a tree.
local TREE_MAX, TREE_WALK_MAX = 1000, 200000

local function open_trees()
    local left, walk_left, trees, forgettings = TREE_MAX, TREE_WALK_MAX, {}, {}
    -- Pending children come last: as long as one of them is left its parent waits.
    local HOLDERS = {{'processed', 'hash'}, {'failed', 'hash'}, {'unsuccessful', 'zset'}, {'dependencies', 'set'}}
    local PENDING = {HOLDERS[4]}
    local SETS = {'completed', 'waiting-children', 'delayed', 'failed', 'prioritized'}
    local LISTS = {'wait', 'paused', 'active'}

    -- Some of the children that lie in this key, all where there are no more than `max`.
    local function children_in(key, kind, max)
        if call('TYPE', key).ok ~= kind then
            return {}
        elseif kind == 'zset' then
            return call('ZRANGE', key, 0, max)
        elseif kind == 'hash' and call('HLEN', key) <= max then
            return call('HKEYS', key)
        end
        local keys, cursor, step = {}, '0', kind == 'hash' and 2 or 1
        repeat
            local some = call(kind == 'hash' and 'HSCAN' or 'SSCAN', key, cursor, 'COUNT', 500)
            cursor = some[1]
            for i = 1, #some[2], step do
                keys[#keys + 1] = some[2][i]
            end
        until cursor == '0' or #keys > max
        return keys
    end

    local function set_of(base, id)
        for _, set in ipairs(SETS) do
            if type(try('ZSCORE', base .. set, id)) == 'string' then
                return set
            end
        end
    end

    local function count_lists(base)
        local count = 0
        for _, list in ipairs(LISTS) do
            local len = try('LLEN', base .. list)
            count = count + (type(len) == 'number' and len or 0)
        end
        return count
    end

    local function is_failed(key)
        local base, id = key:match('^(.*:)([^:]*)$')
        return id and type(try('ZSCORE', base .. 'failed', id)) == 'string'
    end

    -- Puts the job and what is below it (in plan.holders) into plan.jobs, children first. False: not all of
    -- it. A lock anywhere sets plan.is_held.
    local function collect(plan, key, holder, parent)
        local base, id = key:match('^(.*:)([^:]*)$')
        if not id or plan.seen[key] then
            return true
        elseif call('EXISTS', key .. ':lock') == 1 then
            plan.is_held = true
            return false
        end
        plan.seen[key] = true
        local job = {key = key, base = base, id = id, holder = holder, parent = parent}
        for _, kind in ipairs(plan.holders) do
            for _, child in ipairs(children_in(key .. ':' .. kind[1], kind[2], left)) do
                local is_kept = plan.holders == PENDING and is_failed(child)
                if left <= 0 or not (is_kept or collect(plan, child, kind[1], job)) then
                    return false
                end
            end
        end
        job.state = set_of(base, id)
        walk_left = walk_left - (job.state and 0 or count_lists(base))
        if left <= 0 or (walk_left < 0 and left < TREE_MAX) then
            left = 0
            return false
        end
        left = left - 1
        plan.jobs[#plan.jobs + 1] = job
        return true
    end

    local function take_out(job)
        if job.state then
            call('ZREM', job.base .. job.state, job.id)
            return
        end
        for _, list in ipairs(LISTS) do
            local count = try('LREM', job.base .. list, 0, job.id)
            if type(count) == 'number' and count > 0 then
                job.state = list
                return
            end
        end
        job.state = 'unknown'
    end

    -- What a parent that stays knows of this child.
    local function leave(job)
        local key = job.parent.key
        if job.holder == 'dependencies' then
            parents().detach(job.key, key, false, job.base)
        elseif job.holder == 'unsuccessful' then
            call('ZREM', key .. ':unsuccessful', job.key)
        else
            call('HDEL', key .. ':' .. job.holder, job.key)
        end
    end

    local function remove_all(plan)
        for _, job in ipairs(plan.jobs) do
            job.goes = true
            take_out(job)
        end
        for _, job in ipairs(plan.jobs) do
            if job.parent and not job.parent.goes then
                leave(job)
            end
            forgettings[job.base] = forgettings[job.base] or open_forgetting(job.base)
            if forgettings[job.base].remove(job.id) then
                emit_to(job.base, true, 'removed', 'jobId', job.id, 'prev', job.state)
            end
        end
    end

    -- The job with this key and everything below it; nothing while somebody works on a part of it.
    function trees.remove(key)
        local plan = {seen = {}, jobs = {}, holders = HOLDERS}
        local is_whole = left > 0 and collect(plan, key)
        if plan.is_held then
            return HELD_BELOW
        end
        if is_whole then
            parents().detach(key, nil, false, plan.jobs[#plan.jobs].base)
        end
        remove_all(plan)
        return is_whole and DONE or LATER
    end

    -- What the job still waits for, but for what has failed or a worker has a part of. It stays.
    function trees.remove_pending(key)
        local parent, is_whole = {key = key}, true
        for _, child in ipairs(children_in(key .. ':dependencies', 'set', left)) do
            if not is_failed(child) then
                local plan = {seen = {}, jobs = {}, holders = PENDING}
                local has_all = left > 0 and collect(plan, child, 'dependencies', parent)
                if not plan.is_held then
                    is_whole = has_all and is_whole
                    remove_all(plan)
                end
            end
        end
        return is_whole and DONE or LATER
    end

    return trees
end
