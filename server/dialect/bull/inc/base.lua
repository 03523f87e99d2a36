-- What every script begins with.
--
-- KEYS, the same for all (keys.h has the order):
--   1 wait  2 active  3 priority  4 stalled  5 completed  6 failed  7 delayed  8 paused
--   9 meta-paused  10 id  11 stalled-check  12 repeat
-- ARGV:
--   1 what all keys begin with ("bull:name:")  2 wall clock, ms  3 token of our events
local call, try = redis.call, redis.pcall
local KEYS, ARGV = KEYS, ARGV
local wait, active, priority, stalled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local completed, failed, delayed = KEYS[5], KEYS[6], KEYS[7]
local P, now, speaker = ARGV[1], ARGV[2], ARGV[3]
