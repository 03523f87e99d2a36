/* The queues that a runner takes jobs of, one sub each, and how the window is shared between them.
 * Pure decisions over counts and time; leases.c owns the subs and talks to the daemon.
 *
 * One queue gets the whole window. Several share the job threads: if each had the whole window, a
 * runner with one thread and seven queues would take seven jobs and hand six back. So credit goes
 * to the queues that have jobs (hot: they used their last credit), in turn; each of the others
 * (cold) keeps an open credit of one, which costs nothing while it is empty; and while all threads
 * are busy nobody has credit. A cold queue that wakes up may therefore bring one job too many: it
 * runs if a thread is free in time, else it is handed back (PREFETCH_WAIT_MS). */
#ifndef WORKER_SUBS_H
#define WORKER_SUBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBS_MAX    256u /* queues of one pool */
#define SUB_COLD_MS 20u  /* an open credit that nobody used for so long: the queue is empty */

struct sub {
    const char *queue;  /* borrowed from the runner's settings */
    bool is_attached;   /* the daemon said so, on this connection */
    bool is_refused;    /* the daemon said so; it is asked again after a while */
    bool is_hot;        /* used its last credit */
    unsigned refusals;  /* of attach, in a row */
    uint32_t told;      /* the window that the daemon knows */
    uint32_t held;      /* jobs of it in the runner */
    uint32_t wanted;    /* set by subs_share */
    uint64_t opened_ms; /* when its present credit began; 0: it has none */
};

struct subs {
    struct sub *list; /* owned */
    size_t count;
    uint32_t held; /* of all */
    size_t turn;   /* the hot queue whose turn is next */
};

void subs_init(struct subs *subs, const char *const *queues, size_t count);
void subs_fini(struct subs *subs);
/* The connection is gone: the daemon knows nothing. */
void subs_reset(struct subs *subs);

void subs_took(struct subs *subs, size_t index); /* a job came */
void subs_gave(struct subs *subs, size_t index); /* a job is gone */

/* Sets `wanted` of each for a window of `window` jobs in all. `is_streaming`: jobs are so short
 * that some wait in the runner; one too many does no harm, and queues are refilled without being
 * asked. */
void subs_share(struct subs *subs, uint32_t window, bool is_streaming, uint64_t now_ms);
/* The daemon is told `wanted` now. */
void subs_told(struct sub *sub, uint64_t now_ms);
/* Whether some credit waits at a hot queue that may be empty: share again soon. */
bool subs_is_waiting(const struct subs *subs);

#endif
