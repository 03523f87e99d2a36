/* A question about a job's children, between the thread that asks and waits, and the loop, which
 * sends it and collects the answer. Both hold a reference; the thread stops to wait after
 * ASK_WAIT_MS whatever happens, so that no plugin hangs on us. The thread's part is
 * host_children.c's, the loop's asks.c's. */
#ifndef WORKER_ASK_H
#define WORKER_ASK_H

#include <pthread.h>

#include "common/buf.h"
#include "worker/runner/job.h"

#define ASK_WAIT_MS 10000u

struct ask {
    struct note note;
    /* What is asked. */
    struct cartrita_job *job; /* a reference */
    uint64_t which, cursor;
    char *key;     /* owned; NULL: a page */
    bool is_cache; /* no children: the result that is cached under `key` */
    char *tags;    /* owned; of that; NULL: none */

    /* The loop's. */
    struct ct_list link; /* in leases->asks */
    uint64_t request;

    /* The answer: the loop's until ask_answer, then the thread's. */
    struct ct_buf children;
    uint64_t next_cursor; /* 0: that was all */
    char *error;          /* owned; NULL: none */

    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool is_answered;
    atomic_uint refs;
};

/* With two references. */
struct ask *ask_new(struct cartrita_job *job, uint64_t which, uint64_t cursor, struct ct_str key);
void ask_unref(struct ask *ask);

/* One child of the answer, and reading them in turn: false at the end. What it lends is the ask's.
 */
void ask_add(struct ask *ask, struct ct_str key, struct ct_str value, bool is_cut);
struct ask_child {
    struct ct_str key, value; /* value absent: none */
    bool is_cut;
};
bool ask_next(const struct ask *ask, size_t *at, struct ask_child *child);

/* The loop's last word. `error` is copied; NULL: it went well. */
void ask_answer(struct ask *ask, const char *error);
/* False: not in so long. */
bool ask_wait(struct ask *ask, uint64_t wait_ms);

#endif
