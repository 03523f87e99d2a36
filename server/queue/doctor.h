/* What a dialect offers for finding broken state in a queue, and for repairing it. Called by
 * `cartrita-q doctor`.
 *
 * An examination is a walk in bounded steps: build fills an initialised command, parse reads its
 * reply and tells what was found, until build has no more to ask. It changes nothing. Queues are
 * examined while they are at work, so whatever moved between two steps is looked at again, in one
 * atomic step, before it is told. */
#ifndef CT_QUEUE_DOCTOR_H
#define CT_QUEUE_DOCTOR_H

#include "queue/dialect.h"

struct illness {
    const char *name;    /* stable, for programs */
    const char *meaning; /* what it leads to */
    const char *cure;    /* what a repair does; NULL: nothing can be done by a program */
};

/* `id`: of a job, or a key without what all keys of the queue begin with. `detail` may be absent.
 * Both are borrowed. */
typedef void (*finding_fn)(void *ctx, const struct illness *illness, struct ct_str id,
                           struct ct_str detail);

enum repair_result {
    REPAIR_DONE,
    REPAIR_HEALTHY, /* it is not broken any more: nothing was done */
    REPAIR_MORE,    /* a part was done: call again */
};

struct examination;

struct doctor {
    const struct illness *illnesses;
    size_t illness_count;

    /* `others`: names of the queues whose keys may begin like this one's; borrowed until close. */
    struct examination *(*open)(const struct queue_name *name, const char *const *others,
                                size_t other_count, int64_t now_ms);
    void (*close)(struct examination *examination);
    /* False: it is over. *rest_ms: wait so long before the call, to see whether something stays. */
    bool (*build)(struct examination *examination, int64_t now_ms, int64_t *rest_ms,
                  struct redis_command *command);
    enum ct_code (*parse)(struct examination *examination, const struct redis_reply *reply,
                          finding_fn on_finding, void *ctx, struct ct_error *err);

    /* One atomic step that looks first whether it is still so. For illnesses with a cure. */
    void (*build_repair)(const struct queue_name *name, const struct illness *illness,
                         struct ct_str id, int64_t now_ms, struct redis_command *command);
    enum ct_code (*parse_repair)(const struct redis_reply *reply, enum repair_result *out,
                                 struct ct_error *err);
};

#endif
