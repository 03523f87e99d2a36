-- Dead letters: jobs that have failed for good, put into another queue as well.
--
--- @include base
--- @include check
--- @include id
--- @include json
--- @include letterbox

-- Returns {bury: a function, answer: how many letters were written; or, as an error text, why there
-- are none, or one is missing}. ARGV from `at`: 0 what the keys of the dead-letter queue begin with
-- 1 letters that may wait in it  2 name of this queue, as JSON  3 how many jobs have texts that may not
-- be JSON; -1: all  4... their ids
--
-- Trouble with that queue is told and changes nothing else: the jobs have failed. Of queues that lead
-- to each other each letter holds the one before: so many, and no more.
local LETTERS_MAX = 8
local function open_dead(at)
    local D, max, origin, unsure_count = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 3])
    local unsure, letters, box = {}, {count = 0}, nil
    for i = 1, unsure_count do
        unsure[ARGV[at + 3 + i]] = true
    end

    local function need(key, kind)
        local problem = foreign(key, kind)
        if problem then
            error({err = problem}, 0)
        end
        return key
    end
    local function look()
        need(D .. 'id', 'string')
        box = open_letterbox(D, need)
    end

    -- A stored text as a value, or as a string under a name that goes into `odd`.
    local function value(text, fallback, name, is_sure, odd)
        if not text or text == '' then
            return fallback
        elseif is_sure or is_json(text) then
            return text
        end
        odd[#odd + 1] = '"' .. name .. '"'
        return quoted(text)
    end

    local function number(text)
        return text and text:match('^%d+$') or 'null'
    end

    -- How many letters lie in each other, were one written about a job with these texts. Those of us
    -- are told by their options; the first is an ordinary job's.
    local function depth(data, opts)
        local fields = opts and opts:match('^{"attempts":1,"delay":0,"timestamp":%d+(.*)}$')
        local is_letter = fields and data and data:sub(1, 10) == '{"queue":"'
        return is_letter and 1 + (fields == '' and 1 or fields:match('^,"letters":(%d+)$') or 0) or 1
    end

    local function write(id, key, reason, stack, attempts)
        local seen, odd = try('HMGET', key, 'name', 'data', 'opts', 'timestamp', 'processedOn', 'stacktrace', unpack(MADE_FIELDS)), {}
        if seen.err then
            seen = {}
        end
        local nested = depth(seen[2], seen[3])
        if nested > LETTERS_MAX then
            letters.refusal = 'LETTERS'
            return false
        end
        local is_sure = unsure_count >= 0 and not unsure[id]
        local data = value(seen[2], '{}', 'data', is_sure, odd)
        local opts = value(seen[3], '{}', 'opts', is_sure, odd)
        local stacks = stack or value(seen[6], '[]', 'stacktrace', false, odd)
        local letter = '{"queue":' .. origin .. ',"id":' .. quoted(id) ..
            ',"name":' .. quoted(seen[1] and seen[1] ~= '' and seen[1] or '__default__') ..
            ',"data":' .. data .. ',"opts":' .. opts .. ',"failedReason":' .. quoted(reason) ..
            ',"stacktrace":' .. stacks .. ',"attemptsMade":' .. (attempts or number(made_attempts(seen[7], seen[8]))) ..
            ',"timestamp":' .. number(seen[4]) .. ',"processedOn":' .. number(seen[5]) ..
            ',"finishedOn":' .. now .. (odd[1] and ',"unparsed":[' .. table.concat(odd, ',') .. ']' or '') .. '}'
        local new = free_id(D, call('INCR', D .. 'id'))
        call('HMSET', D .. new, 'name', seen[1] or '__default__', 'data', letter,
            'opts', '{"attempts":1,"delay":0,"timestamp":' .. now .. (nested > 1 and ',"letters":' .. nested or '') .. '}',
            'timestamp', now, 'delay', 0, 'priority', 0)
        local excess = box.put(new, seen[1] or '__default__') - max
        for _ = 1, math.min(excess, 2) do -- two, so that a lowered bound is reached, too
            box.drop_oldest()
        end
        return true
    end

    local function attempt(...)
        if not letters.problem then
            local is_fine, what = pcall(...)
            if not is_fine then
                letters.problem = error_text(what)
            end
            return is_fine and what
        end
    end

    -- The job has its failure in its hash, but for what is given here; nil: it is there, too.
    function letters.bury(id, key, reason, stack, attempts)
        if attempt(write, id, key, reason, stack, attempts) then
            letters.count = letters.count + 1
        end
    end

    function letters.answer()
        return letters.problem or letters.refusal or letters.count
    end

    attempt(look)
    return letters
end
