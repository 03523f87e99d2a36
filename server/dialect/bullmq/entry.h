/* What a producer gives becomes what BullMQ stores. Called by add.c and by those that write job
 * options for schedulers. */
#ifndef BULLMQ_ENTRY_H
#define BULLMQ_ENTRY_H

#include "common/random.h"
#include "dialect/bullmq/parts.h"
#include "dialect/shared/memberlist.h"

/* What the options of a job say to who adds it. */
struct entry_options {
    double delay, timestamp, priority;
    double size_limit; /* bytes of data, NaN: any */
    bool is_lifo;
    const char *policy;     /* the failure policy as the parent has it, NULL: none */
    char *deid;             /* owned; NULL: no deduplication */
    double dedup_ttl;       /* 0: none */
    char dedup_mode[4 + 1]; /* letters of inc/admit.lua */
};

/* Checks `opts` and gives them the form in which BullMQ stores them: short names, no nulls, the
 * number of attempts. Neither the id nor the parent is looked at. The caller calls
 * entry_options_fini, also after a failure. */
enum ct_code entry_options_read(struct entry_options *options, struct memberlist *opts,
                                int64_t now_ms, struct ct_error *err) CT_MUST_CHECK;
void entry_options_fini(struct entry_options *options);

/* Appends the arguments of add.lua; an add_write_fn. The id of a node is in add->id then. */
enum ct_code bullmq_entry_write(const struct dialect_queue *queue, struct job_add *add,
                                int64_t now_ms, const struct ct_random *random,
                                struct redis_command *out, struct ct_error *err) CT_MUST_CHECK;

#endif
