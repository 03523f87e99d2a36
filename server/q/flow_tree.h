/* A job in a flow as it is looked at: itself, and the first of its children. Called by `flow show`;
 * reads only. */
#ifndef Q_FLOW_TREE_H
#define Q_FLOW_TREE_H

#include "q/session.h"

#define FLOW_UP_MAX 100 /* parents on the way to the root */

struct flow_child {
    enum children_kind kind;
    char *key;   /* owned */
    char *value; /* owned; what the parent keeps of it: a result as JSON, a reason; NULL: nothing */
};

struct flow_node {
    char *prefix, *queue, *id;   /* owned */
    struct inspect_found found;  /* borrows from `reply` */
    struct redis_reply *reply;   /* owned */
    struct ct_error err;         /* this one job cannot be looked at; code OK: it can */
    struct flow_child *children; /* owned; those that failed first, then those that are pending */
    size_t child_count;
    int64_t child_total; /* that are kept with it */
};

/* Takes "PREFIX:QUEUE:ID" apart. Names of queues have no colon, prefixes and ids may: under the
 * session's prefix the id is all behind the queue, else it is what follows the last colon. False:
 * it is no such key. */
bool flow_node_init(struct flow_node *node, const struct session *session, struct ct_str key);
void flow_node_fini(struct flow_node *node);

/* Job, state and up to `child_max` children. */
enum ct_code flow_node_read(struct flow_node *node, struct session *session, size_t child_max,
                            struct ct_error *err) CT_MUST_CHECK;

/* "missing" when there is no such job (any more), "broken" when it cannot be looked at. */
const char *flow_node_state(const struct flow_node *node, const struct session *session);

/* A field of the job; absent when it has none or cannot be looked at. */
struct ct_str flow_node_field(const struct flow_node *node, const struct session *session,
                              const char *name);

/* Puts the root of its flow in the node's place: the last ancestor that is there. Says on stderr
 * why it goes no further. */
enum ct_code flow_node_climb(struct flow_node *node, struct session *session, size_t child_max,
                             struct ct_error *err) CT_MUST_CHECK;

/* How a child stands to its parent, as the package's getDependencies names it. */
const char *flow_kind_name(enum children_kind kind);

#endif
