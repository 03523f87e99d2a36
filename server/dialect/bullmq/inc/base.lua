-- What every script begins with.
--
-- KEYS, the same for all (keys.h has the order):
--   1 wait  2 active  3 prioritized  4 stalled  5 completed  6 failed  7 delayed  8 paused (of 5.x)
--   9 waiting-children  10 id  11 stalled-check  12 repeat  13 meta  14 events  15 marker  16 pc
--   17 limiter
-- ARGV:
--   1 what all keys begin with ("bull:name:")  2 wall clock, ms  3 what our lock tokens begin with
local call, try = redis.call, redis.pcall
local KEYS, ARGV = KEYS, ARGV
local wait, active, prioritized, stalled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local completed, failed, delayed, events = KEYS[5], KEYS[6], KEYS[7], KEYS[14]
local meta, marker = KEYS[13], KEYS[15]
local P, now, speaker = ARGV[1], ARGV[2], ARGV[3]
