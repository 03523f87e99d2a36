-- What a deed answers of one job; besides: the id that it got, or {error text}.
local DONE, GONE, WRONG, HELD, LATER, SERIES, TAKEN, FLOW, HELD_BELOW = 1, 0, -1, -2, -3, -4, -5, -6, -7
