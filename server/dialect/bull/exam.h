/* The parts of an examination of one queue (doctor.c), each in a file of its own. */
#ifndef BULL_EXAM_H
#define BULL_EXAM_H

#include "dialect/bull/doctor.h"
#include "dialect/bull/seen.h"

#define EXAM_REST_MS 2000

enum exam_phase { QUEUE, PLACES, SCAN, JOBS, WHERE, LATER, DONE };

/* Where ids are. */
enum exam_home { ACTIVE, WAIT, PAUSED, COMPLETED, FAILED, DELAYED, PRIORITY, REPEAT, HOME_COUNT };

/* What doctor_look_page.lua and doctor_look_jobs.lua tell of an id. */
enum { IS_JOB = 1, IN_COMPLETED = 2, IN_FAILED = 4, IN_DELAYED = 8, HAS_LOCK = 16 };

/* Texts, one after another. */
struct texts {
    char **items; /* owned, as are the texts */
    size_t count, cap, done;
};

struct examination {
    char *base;           /* owned; what the queue's keys begin with */
    struct texts foreign; /* what the keys of other queues begin with, without base */
    int64_t started_ms, doubted_ms;
    enum exam_phase phase;
    int64_t sizes[HOME_COUNT];
    int home;       /* of PLACES: enum exam_home */
    int64_t offset; /* in it */
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
