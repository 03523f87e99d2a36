/* A flow as BullMQ's FlowProducer takes it, read from JSON: {"name", "queueName", "data", "opts",
 * "children": [...]}. Called by flow add. Values are taken as they stand, to the last digit. */
#ifndef Q_FLOW_READ_H
#define Q_FLOW_READ_H

#include "queue/dialect.h"

struct flow_job {
    struct job_add add;          /* borrows from here and from the text */
    struct job_node node;        /* the same */
    char *name, *queue, *prefix; /* owned */
    struct ct_str children;      /* JSON array, absent: none */
};

/* The root is the first job; the others follow level by level. */
struct flow {
    struct flow_job *jobs; /* owned */
    size_t count;
};

/* `text` must stay; `prefix` is for jobs that name none. The caller calls flow_free, also
 * after a failure. */
enum ct_code flow_read(struct flow *flow, struct ct_str text, const char *prefix,
                       struct ct_error *err) CT_MUST_CHECK;
void flow_free(struct flow *flow);

#endif
