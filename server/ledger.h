/* What the daemon knows of each queue that it has served since its start, for metrics: its tally,
 * and what a sampler found in Redis last. Owned by hosts; an entry stays when its queue is no
 * longer served, so that counters never go back. */
#ifndef CT_SERVER_LEDGER_H
#define CT_SERVER_LEDGER_H

#include "common/list.h"
#include "queue/inspect.h"
#include "queue/tally.h"
#include "server/scaling.h"

/* Queues that are counted; of further ones only their number is known. */
#define LEDGER_MAX 500

struct ledger_sample {
    bool is_known;
    int64_t at_ms; /* monotonic */
    struct inspect_counts counts;
    struct inspect_backlog backlog;
};

struct ledger_entry {
    struct ct_list link;
    char *prefix, *name;           /* owned */
    const struct dialect *dialect; /* it was served as last */
    struct tally tally;
    struct ledger_sample sample;
    struct scaling scaling;
    struct scaling_settings scaling_settings;
    uint64_t seen_ended, seen_run_count; /* of the tally, when scaling looked last */
    double seen_run_sum;
};

struct ledger {
    struct ct_list entries;
    uint32_t count;
    uint64_t refused; /* openings of queues that found no room */
};

void ledger_init(struct ledger *ledger);
void ledger_fini(struct ledger *ledger);
/* A look by its sample and tally. */
void ledger_scale(struct ledger_entry *entry);
/* The entry of a queue that is opened now; NULL: there is no room. */
struct ledger_entry *ledger_open(struct ledger *ledger, const char *prefix, const char *name,
                                 const struct dialect *dialect);

#endif
