/* Who wrote a queue (Bull 3, Bull 4, BullMQ of which age, several), and what of it runs otherwise
 * here than there: signs in its keys and in a sample of its newest jobs, and what each means.
 * Called by cartrita-q; reads only. */
#ifndef DIALECT_ORIGIN_H
#define DIALECT_ORIGIN_H

#include "queue/dialect.h"

#define ORIGIN_SIGNS_MAX  96
#define ORIGIN_WRITER_MAX 120

enum origin_level {
    ORIGIN_EVIDENCE, /* tells only who wrote it */
    ORIGIN_DIFFERS,  /* a deliberate difference: done otherwise here */
    ORIGIN_SETTING,  /* a worker's option in Node, which has to be given here, too */
    ORIGIN_TODO,     /* what breaks sooner or later, and what to do */
    ORIGIN_MOVE,     /* only for those who leave Bull for BullMQ */
    ORIGIN_REFUSED,  /* not served */
};

struct origin_sign {
    const char *name; /* stable, for programs; static */
    const char *meaning;
    enum origin_level level;
    int64_t count;         /* keys, or jobs of the sample */
    struct ct_str example; /* a key, an id or a name; borrowed from the reply */
};

struct origin {
    char writer[ORIGIN_WRITER_MAX]; /* "Bull 4", "BullMQ (bullmq:5.1.0)", "unknown" */
    bool is_served;                 /* by the dialects that this program speaks */
    struct origin_sign signs[ORIGIN_SIGNS_MAX];
    size_t sign_count;
};

const char *origin_level_name(enum origin_level level);

/* One bounded step in Redis. */
void origin_build(const struct queue_name *name, struct redis_command *command);
/* `with_moves`: also what it takes to leave Bull for BullMQ. */
enum ct_code origin_parse(const struct redis_reply *reply, bool with_moves, struct origin *out,
                          struct ct_error *err) CT_MUST_CHECK;

#endif
