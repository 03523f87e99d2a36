-- Deduplication ids beyond the add: who owns one, and what is kept for when the owner ends. Made when it
-- is first asked for: plain jobs have none.
--
-- dedup() = {
--   finalise(id, deid)  the job has ended: others may use the id, and what was kept is added
--   forget(id, deid)    the job goes without an end
--   owner_key(deid), kept_key(deid) }
--
-- finalise and forget never raise: what is wrong with such a key must not keep a job from ending. They
-- return the text of what was wrong.
--- @include base
--- @include check
--- @include id
--- @include store

local deduplication
local function dedup()
    if deduplication then
        return deduplication
    end

    local function owner_key(deid)
        return P .. 'de:' .. deid
    end

    local function kept_key(deid)
        return P .. 'dn:' .. deid
    end

    -- The id of the kept job: its own, unless another job has it by now.
    local function next_id(given)
        local number = call('INCR', KEYS[10])
        if given and call('EXISTS', P .. given) == 0 then
            return given
        end
        return (free_id(P, number))
    end

    -- Adds the job that came while the owner was active, with its own options.
    local function add_kept(deid)
        local kept = {}
        local flat = call('HGETALL', kept_key(deid))
        for i = 1, #flat, 2 do
            kept[flat[i]] = flat[i + 1]
        end
        local is_fine, opts = pcall(cjson.decode, kept.opts or '{}')
        opts = is_fine and type(opts) == 'table' and opts or {}
        local own = type(opts.de) == 'table' and opts.de or {}
        local id = next_id(kept.jid)
        local ttl = tonumber(own.ttl)
        if own.keepLastIfActive == true or not ttl or ttl < 1 then
            call('SET', owner_key(deid), id)
        else
            call('SET', owner_key(deid), id, 'PX', math.floor(ttl))
        end
        local delay, rank = rank_of(opts.delay), rank_of(opts.priority)
        local more = {'deid', deid}
        for field, value in pairs({parentKey = kept.pk, parent = kept.pd, rjk = kept.rjk}) do
            more[#more + 1] = field
            more[#more + 1] = value
        end
        store(P, id, kept.name or '', kept.data or '{}', kept.opts or '{}', now, delay, rank, unpack(more))
        enqueue(P, id, delay ~= 0 and now + math.max(delay, 0), rank, opts.lifo == true and 'R' or 'L')
        if kept.pdk then
            call('SADD', kept.pdk, P .. id)
        end
        call('DEL', kept_key(deid))
    end

    local function finalise(id, deid)
        local key = owner_key(deid)
        local ttl = call('PTTL', key)
        if ttl == 0 or (ttl == -1 and call('GET', key) == id) then
            call('DEL', key)
        end
        if call('EXISTS', kept_key(deid)) == 1 then
            add_kept(deid)
        end
    end

    local function forget(id, deid)
        if call('GET', owner_key(deid)) == id then
            call('DEL', owner_key(deid), kept_key(deid))
        end
    end

    local function guarded(work)
        return function(id, deid)
            if not deid or deid == '' then
                return nil
            end
            local is_fine, problem = pcall(work, id, deid)
            return not is_fine and error_text(problem) or nil
        end
    end

    deduplication = {
        finalise = guarded(finalise), forget = guarded(forget), owner_key = owner_key, kept_key = kept_key,
    }
    return deduplication
end
