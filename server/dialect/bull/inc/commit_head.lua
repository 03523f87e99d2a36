-- What is Bull's own in a commit. ARGV:
--   11 "1": bounce back  12 "1": by group  13... effects (commit.lua); C F: 3 "1": debounced, each: 4 the
--   event; others: inc/commit_moves.lua
local EFFECTS_AT = 13
local active_channel = active .. '@' .. speaker
local promote -- only now and then: others()
