/* Dead letters as cartrita-q sees them. */
#ifndef DIALECT_BULL_LETTER_H
#define DIALECT_BULL_LETTER_H

#include "queue/dead.h"

extern const struct dead_keeper bull_dead_keeper;

#endif
