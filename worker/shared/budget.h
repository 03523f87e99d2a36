/* So many bytes a second, and some seconds' worth at once: a bound on what is logged. Pure. */
#ifndef WORKER_BUDGET_H
#define WORKER_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_BURST_S 4u /* seconds of the rate that may come at once */

struct budget {
    uint64_t rate; /* bytes a second; 0: any */
    uint64_t left;
    uint64_t filled_ms;
};

void budget_init(struct budget *budget, uint64_t rate, uint64_t now_ms);
/* Takes `bytes`; false, and nothing is taken, when there are not so many left. */
bool budget_take(struct budget *budget, size_t bytes, uint64_t now_ms);

#endif
