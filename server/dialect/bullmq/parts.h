/* What the files of this dialect share. Private to it. */
#ifndef BULLMQ_PARTS_H
#define BULLMQ_PARTS_H

#include "dialect/bullmq/keys.h"
#include "dialect/shared/queue.h"

#endif
