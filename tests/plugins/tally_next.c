/* The next version of tally: what a deployment puts in its place. */
#define TALLY_VERSION "2.0"
#include "tally.c"
