/* Dead-letter queues: letters, which a dialect wrote itself when jobs failed for good, and taking
 * them out again. A dialect says with struct dead_keeper what it has for that; the calls are the
 * same for all of them (dialect/shared/letter.h). Called by cartrita-q. */
#ifndef CT_QUEUE_DEAD_H
#define CT_QUEUE_DEAD_H

#include "queue/dialect.h"

/* Bounds of one call. */
#define DEAD_MOVES_MAX  50
#define DEAD_BYTES_MAX  (1u << 20) /* of letters; one alone may be larger */
#define DEAD_REASON_MAX 1000       /* bytes of a reason that go with a job that runs again */

struct dead_letter {
    char *queue, *id, *name;  /* owned; of the job that failed */
    struct ct_str reason;     /* owned: free .data */
    struct ct_str data, opts; /* owned; the texts that were stored, JSON unless they were broken */
    struct ct_str text;       /* owned; the whole letter, JSON */
    struct ct_str stacktrace; /* in `text`: JSON array; may be absent */
    int64_t attempts_made;
    int64_t timestamp_ms, processed_ms, finished_ms; /* wall clock; 0: unknown */
};

void dead_letter_fini(struct dead_letter *letter);

enum dead_result {
    DEAD_MOVED,
    DEAD_GONE,    /* it is not there */
    DEAD_HELD,    /* somebody works on it, or has */
    DEAD_LATER,   /* not looked for: ask again */
    DEAD_REFUSED, /* see err */
};

struct dead_move {
    struct ct_list link;
    struct ct_str id;                 /* borrowed; in the dead-letter queue */
    const struct dead_letter *letter; /* borrowed; not needed for removing */
    /* --- results --- */
    enum dead_result result;
    char *new_id; /* owned; freed by dead_move_fini */
    struct ct_error err;
};

void dead_move_fini(struct dead_move *move);

struct dead_call {
    struct queue_name dead;
    const char
        *target; /* the queue, under the same prefix, that gets the jobs; NULL: remove them */
    /* Where a page of this state found the ids, to be searched first. */
    bool has_place;
    uint32_t state;
    int64_t offset;
    struct ct_list *moves; /* struct dead_move, at most DEAD_MOVES_MAX */
};

struct dead_keeper {
    /* Indexes of the inspector's states that letters may be taken from. */
    const uint32_t *states;
    uint32_t state_count;
    const struct redis_script *move;
    /* Members of options that belonged to the first life of a job and not to what it has to do,
     * beside those that all dialects have; ends with NULL. */
    const char *const *past;
    /* Appends the arguments that add a job; on failure `out` is untouched. */
    enum ct_code (*write_job)(const struct dialect_queue *queue, struct job_add *add,
                              int64_t now_ms, const struct ct_random *random,
                              struct redis_command *out, struct ct_error *err);
};

#endif
