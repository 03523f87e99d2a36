/* What has to be done now and then: partitions a little ahead, old ones dropped, jobs forgotten. */
#ifndef MAINTAIN_H
#define MAINTAIN_H

#include "analytics.h"

#define MAINTAIN_EVERY_MS (10 * 60 * 1000) /* by each process, behind a batch of events */

/* Failures are a line in the process log: the next time may be better. */
void maintain_if_due(struct analytics *analytics);

#endif
