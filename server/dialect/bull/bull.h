/* The dialect of Bull 3 and 4. */
#ifndef DIALECT_BULL_H
#define DIALECT_BULL_H

#include "queue/dialect.h"

extern const struct dialect bull_dialect;

#endif
