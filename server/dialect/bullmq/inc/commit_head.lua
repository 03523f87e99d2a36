-- What is BullMQ's own in a commit. ARGV:
--   11 name of the worker or ""  12... effects (commit.lua); C F: 3 at most so many older jobs are removed
--   by age, each: C: 4 attempts made, F: 4 "1": all its attempts were made; others: inc/commit_moves.lua
--- @include meta
local EFFECTS_AT = 12
local worker = ARGV[11] ~= '' and ARGV[11]
local left = 0 -- jobs that have left active
