-- Adds a flow: a tree of jobs whose parents wait for their children.
--
-- KEYS and ARGV 1 to 3: inc/base.lua, of the root's queue. ARGV 4...: arguments of read_add
-- (inc/add.lua), a job after the other, parents before their children; each has an id.
-- Result: for each job its id, or {-5, key}: the root's parent is missing, {-7, key}: there is a job with
-- this id that belongs to another parent, or {-1, key}: its own parent, the key, was refused
--
-- What is refused takes nothing along but its own children: the rest of the tree is there. BullMQ lets a
-- parent whose children were all refused wait for ever; here it goes on.
--- @include base
--- @include check
--- @include add

local jobs, at = {}, 4
while ARGV[at] do
    jobs[#jobs + 1], at = read_add(at)
end

-- Everything that could go wrong half-way; then the counters, which count those that are refused, too.
local is_fine, problem = pcall(function()
    local counts = {}
    for _, job in ipairs(jobs) do
        need_all_sound(job.base)
        counts[job.base] = (counts[job.base] or 0) + 1
    end
    if jobs[1].parent_key and not has_parent(jobs[1].parent_key) then
        return
    end
    for base, count in pairs(counts) do
        call('INCRBY', base .. 'id', count)
    end
end)
if not is_fine then
    return redis.error_reply(error_text(problem))
end

local refused, links, parent_keys = {}, {}, {}

-- child nil: it need not be linked.
local function link(job, child)
    local key = job.parent_key
    if not links[key] then
        links[key] = {json = job.parent}
        parent_keys[#parent_keys + 1] = key
    end
    links[key][#links[key] + 1] = child
end

local function add_node(job)
    local id, parent_key = job.id, job.parent_key
    if parent_key and refused[parent_key] then
        return {-1, parent_key}
    elseif parent_key and not has_parent(parent_key) then
        return {-5, parent_key}
    elseif parent_key then
        link(job)
    end
    if is_taken(job.base, id) then
        return add_duplicate(job, id, function() end)
    elseif parent_key then
        put(job, id, 'parentKey', parent_key, 'parent', job.parent)
        link(job, job.base .. id)
    else
        put(job, id)
    end
    return id
end

local answers = {}
for n, job in ipairs(jobs) do
    local answer
    is_fine, answer = pcall(add_node, job)
    if not is_fine then
        answer = {error_text(answer)}
    end
    if type(answer) == 'table' then
        refused[job.base .. job.id] = true
    end
    answers[n] = answer
end
for _, key in ipairs(parent_keys) do
    for first = 1, #links[key], 1000 do
        call('SADD', key .. ':dependencies', unpack(links[key], first, math.min(first + 999, #links[key])))
    end
end
for _, key in ipairs(parent_keys) do
    release_parent(key, links[key].json)
end
return answers
