/* The dialect of BullMQ 5 and 6. */
#ifndef DIALECT_BULLMQ_H
#define DIALECT_BULLMQ_H

#include "queue/dialect.h"

extern const struct dialect bullmq_dialect;

#endif
