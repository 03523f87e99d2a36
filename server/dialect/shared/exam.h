/* The parts of an examination of one queue (doctor.c), each in a file of its own. */
#ifndef DIALECT_SHARED_EXAM_H
#define DIALECT_SHARED_EXAM_H

#include "dialect/shared/doctor.h"
#include "dialect/shared/seen.h"
#include "queue/inspect.h"

#define EXAM_REST_MS 2000

enum exam_phase { QUEUE, PLACES, PARENTS, SCAN, JOBS, WHERE, LATER, DONE };

/* Where ids are: a state of the inspector, by its index, or one of these behind them. */
enum { HOME_SERIES = INSPECT_STATES_MAX, HOME_RANKS, HOME_COUNT };

/* What doctor_look_page.lua and doctor_look_jobs.lua tell of an id; the rest: in which sorted sets
 * it is, of which these are the first. */
enum { IS_JOB = 1, HAS_LOCK = 2, IN_COMPLETED = 4, IN_FAILED = 8, IN_SETS = ~3 };

/* Texts, one after another. */
struct texts {
    char **items; /* owned, as are the texts */
    size_t count, cap, done;
};

struct examination {
    const struct doctor *doctor; /* borrowed */
    const struct inspector *inspector;
    char *base;           /* owned; what the queue's keys begin with */
    struct texts foreign; /* what the keys of other queues begin with, without base */
    int64_t started_ms, doubted_ms;
    enum exam_phase phase;
    int64_t sizes[HOME_COUNT];
    int64_t listed;       /* ids in all lists */
    bool is_of_today;     /* workers of the newest kind have been here */
    uint32_t home;        /* of PLACES */
    int64_t offset;       /* in it */
    struct texts parents; /* of PARENTS: those of one page */
    struct seen seen;
    struct ct_buf cursor; /* of SCAN */
    bool has_scanned;
    struct texts keys; /* of JOBS: pairs of kind and id */
    struct texts suspects;
    size_t asked;        /* of keys or suspects, in the call under way */
    struct texts doubts; /* pairs: id, mark */
    struct texts series; /* pairs: member, score */
    struct texts silent; /* the same; of those whose next job was not found */
};

/* Who is told of what was found. */
struct teller {
    const struct doctor *doctor;
    finding_fn on_finding;
    void *ctx;
};

/* --- doctor.c --- */

void exam_add(struct texts *texts, struct ct_str text);
void exam_clear(struct texts *texts);
void exam_suspect(struct examination *exam, struct ct_str id);
void exam_tell(const struct teller *teller, enum ill ill, struct ct_str id, struct ct_str detail);
void exam_tell_number(const struct teller *teller, enum ill ill, struct ct_str id, int64_t number,
                      const char *unit);

/* --- exam_places.c: the queue's own keys, and the ids in its lists and sets --- */

void exam_build_queue(const struct examination *exam, struct redis_command *command);
void exam_read_queue(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller);
void exam_read_page(struct examination *exam, const struct redis_reply *reply,
                    const struct teller *teller);
void exam_build_page(struct examination *exam, struct redis_command *command);

/* --- exam_parents.c: jobs that wait for others --- */

void exam_build_parents(const struct examination *exam, struct redis_command *command);
enum ct_code exam_read_parents(struct examination *exam, const struct redis_reply *reply,
                               const struct teller *teller, struct ct_error *err);

/* --- exam_keys.c: all keys of the queue --- */

void exam_build_scan(struct examination *exam, struct redis_command *command);
enum ct_code exam_read_scan(struct examination *exam, const struct redis_reply *reply,
                            struct ct_error *err);
void exam_build_jobs(struct examination *exam, struct redis_command *command);
enum ct_code exam_read_jobs(struct examination *exam, const struct redis_reply *reply,
                            const struct teller *teller, struct ct_error *err);

/* --- exam_where.c: the verdict on what looked broken --- */

void exam_build_where(struct examination *exam, struct redis_command *command);
void exam_read_where(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller);
void exam_build_later(struct examination *exam, struct redis_command *command);
void exam_read_later(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller);

#endif
