/* Finding broken state in a queue, and repairing it, by the table of its dialect (struct doctor).
 * Called by `cartrita-q doctor`.
 *
 * An examination is a walk in bounded steps: build fills an initialised command, parse reads its
 * reply and tells what was found, until build has no more to ask. It changes nothing. Queues are
 * examined while they are at work, so whatever moved between two steps is looked at again, in one
 * atomic step, before it is told. */
#ifndef DIALECT_SHARED_DOCTOR_H
#define DIALECT_SHARED_DOCTOR_H

#include "queue/doctor.h"

enum ill {
    ILL_NO_STATE,
    ILL_TWO_STATES,
    ILL_NO_JOB,
    ILL_NO_LOCK,
    ILL_PRIORITY_LEFT,
    ILL_TWO_LISTS,
    ILL_LOCK_LEFT,
    ILL_LOCK_ENDLESS,
    ILL_LOGS_LEFT,
    ILL_DEBOUNCE_LEFT,
    ILL_KEPT_LEFT,
    ILL_SERIES_DEAD,
    ILL_SERIES_BARE,
    ILL_SERIES_OLD,
    ILL_NO_CHILDREN,
    ILL_CHILDREN_GONE,
    ILL_CHILDREN_FAILED,
    ILL_CHILDREN_LEFT,
    ILL_OLD_MARKER,
    ILL_OLD_ATTEMPTS,
    ILL_BAD_DATA,
    ILL_BAD_OPTS,
    ILL_HUGE_JOB,
    ILL_HUGE_LOGS,
    ILL_HUGE_SET,
    ILL_FOREIGN_TYPE,
    ILL_MIXED,
    ILL_COUNT
};

/* From these on a key is called huge. */
#define DOCTOR_JOB_BYTES_MAX (1 << 20) /* data and opts of one job */
#define DOCTOR_LOG_LINES_MAX 10000     /* of one job */
#define DOCTOR_SET_SIZE_MAX  1000000   /* jobs in one sorted set */

/* Ids that the next job of one series may have. */
#define DOCTOR_READINGS_MAX 16

struct key_table;

struct doctor {
    const struct illness *illnesses; /* by enum ill; without a name: not in this dialect */
    const struct key_table *keys;
    const char *const
        *families;     /* what keys of the queue begin with that are no job's; NULL ends */
    const char *ranks; /* a sorted set of ids beside the list they are in; NULL: none */
    const char *rules; /* what the key of a series begins with; NULL: there is none */
    /* Parts of a job's keys that are about its children; NULL ends. */
    const char *const *child_parts;
    /* The ids, owned by the caller then, and how many. */
    size_t (*ids_of_series)(const char *member, const char *score, char *out[DOCTOR_READINGS_MAX]);
    const struct redis_script *look_queue, *look_page, *look_jobs, *look_where, *repair;
    const struct redis_script *look_parents; /* NULL: no job waits for others */
};

struct examination;

/* `others`: names of the queues whose keys may begin like this one's; borrowed until close. */
struct examination *doctor_open(const struct dialect *dialect, const struct queue_name *name,
                                const char *const *others, size_t other_count, int64_t now_ms);
void doctor_close(struct examination *examination);
/* False: it is over. *rest_ms: wait so long before the call, to see whether something stays. */
bool doctor_build(struct examination *examination, int64_t now_ms, int64_t *rest_ms,
                  struct redis_command *command);
enum ct_code doctor_parse(struct examination *examination, const struct redis_reply *reply,
                          finding_fn on_finding, void *ctx, struct ct_error *err) CT_MUST_CHECK;

/* One atomic step that looks first whether it is still so. For illnesses with a cure. */
void doctor_build_repair(const struct dialect *dialect, const struct queue_name *name,
                         const struct illness *illness, struct ct_str id, int64_t now_ms,
                         struct redis_command *command);
enum ct_code doctor_parse_repair(const struct redis_reply *reply, enum repair_result *out,
                                 struct ct_error *err) CT_MUST_CHECK;

/* For ids_of_series: those of Bull, and of BullMQ before 5.10. */
size_t doctor_md5_ids(const char *member, const char *score, char *out[DOCTOR_READINGS_MAX]);

#endif
