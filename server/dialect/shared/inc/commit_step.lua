-- The steps of a commit one by one. Included by commit.lua, in whose names it is written, behind what the
-- dialect's inc/commit_moves.lua has: steps, noted and NOTE_SPAN.

-- What a running job tells of itself. Nobody else asks for its lock here; we refuse only when another has it.
local function note(at, op)
    local key = P .. ARGV[at + 1]
    if call('EXISTS', key) == 0 then
        return -1
    end
    local held = held_by(key)
    if held and held ~= ARGV[at + 2] then
        return -6
    end
    if op == 'L' then
        call('RPUSH', key .. ':logs', ARGV[at + 3])
    else
        call('HSET', key, op == 'U' and 'data' or 'progress', ARGV[at + 3])
    end
    return noted(at, op)
end

for letter, span in pairs(NOTE_SPAN) do
    steps[letter] = {note, span}
end
steps.A = {adopt, 3}

-- Z: no effect, but where the jobs go that fail from here on. Returns what is behind it.
local function begin_dead(at)
    --- @include dead
    dead = open_dead(at + 1)
    return at + 5 + tonumber(ARGV[at + 4])
end

-- Counts a crash of the job of a K at `at`. Whether that was one too many.
local function crashed_too_often(at)
    local key = P .. ARGV[at + 1]
    if held_by(key) ~= ARGV[at + 2] then
        return false -- counted by an earlier call, or not ours: what is behind finds out
    end
    local times = try('HINCRBY', key, 'crashes', 1)
    if type(times) == 'table' then -- no number was there
        times = 1
        call('HSET', key, 'crashes', 1)
    end
    return times >= tonumber(ARGV[at + 3])
end

-- K: as step().
local function step_crash(at, step)
    local retry_at = at + 4
    local fail_at = retry_at + steps[ARGV[retry_at]][2]
    local is_resent = ARGV[fail_at + 2] == '1'
    local behind, answered = fail_at + (is_resent and 14 or 12), #answers
    local is_fine, is_last = pcall(crashed_too_often, at)
    if not is_fine and is_refusal(error_text(is_last)) then
        return nil, error_text(is_last)
    end
    if is_fine and is_last then
        finish(fail_at, true)
        if #answers == answered then
            try('HDEL', P .. ARGV[at + 1], 'crashes') -- who retries it by hand begins anew
            answer(effect, 1)
        end
        return behind
    end
    local _, refusal = step(retry_at, ARGV[retry_at])
    if is_resent and #answers == answered and type(try('ZSCORE', failed, ARGV[at + 1])) == 'string' then
        answer(effect, 1)
    end
    return not refusal and behind, refusal
end

-- One effect; what Redis refuses of it is its own answer. Returns where the next one begins, and an
-- error text when the whole call is refused.
local function step(at, op)
    if op == 'Z' then
        return begin_dead(at)
    elseif op == 'K' then
        return step_crash(at, step)
    end
    local run = steps[op]
    local is_fine, what = pcall(run[1], at, op)
    effect = effect + 1
    if not is_fine then
        what = error_text(what)
        if is_refusal(what) then
            return nil, what
        end
        what = look_for_foreign(what)
    end
    if what and what ~= DONE then
        answer(effect, what)
    end
    return at + run[2]
end
