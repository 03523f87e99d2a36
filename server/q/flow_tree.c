/* See the header. Happy path of a node: one call for the job, more where it is in a long list, and
 * a page or more for each kind of children that it has. */
#include "q/flow_tree.h"

#include <stdlib.h>

#include "common/mem.h"
#include "q/job_find.h"
#include "q/job_text.h"

/* What needs a look comes first. */
static const enum children_kind kinds[] = {CHILDREN_FAILED, CHILDREN_IGNORED, CHILDREN_UNPROCESSED,
                                           CHILDREN_PROCESSED};

const char *flow_kind_name(enum children_kind kind)
{
    static const char *const names[] = {[CHILDREN_PROCESSED] = "processed",
                                        [CHILDREN_IGNORED] = "ignored",
                                        [CHILDREN_FAILED] = "failed",
                                        [CHILDREN_UNPROCESSED] = "unprocessed"};

    return names[kind];
}

static int64_t count_of(const struct inspect_found *found, enum children_kind kind)
{
    static const enum inspect_child places[] = {[CHILDREN_PROCESSED] = CHILD_PROCESSED,
                                                [CHILDREN_IGNORED] = CHILD_IGNORED,
                                                [CHILDREN_FAILED] = CHILD_FAILED,
                                                [CHILDREN_UNPROCESSED] = CHILD_PENDING};

    return found->children[places[kind]];
}

bool flow_node_init(struct flow_node *node, const struct session *session, struct ct_str key)
{
    struct ct_str rest = key, prefix = CT_STR_NONE;
    const char *colon;

    if (ct_str_skip(&rest, session->settings->prefix) && ct_str_skip(&rest, ":")) {
        prefix = ct_str_of(session->settings->prefix);
        colon = memchr(rest.data, ':', rest.len);
    } else {
        const char *last = memrchr(key.data, ':', key.len);
        const char *second = last ? memrchr(key.data, ':', (size_t)(last - key.data)) : NULL;

        if (!second)
            return false;
        prefix = (struct ct_str){key.data, (size_t)(second - key.data)};
        rest = (struct ct_str){second + 1, key.len - prefix.len - 1};
        colon = last;
    }
    if (!colon || colon == rest.data || colon + 1 == rest.data + rest.len ||
        memchr(key.data, '\0', key.len))
        return false;
    *node = (struct flow_node){
        .prefix = ct_strndup(prefix.data, prefix.len),
        .queue = ct_strndup(rest.data, (size_t)(colon - rest.data)),
        .id = ct_strndup(colon + 1, (size_t)(rest.data + rest.len - colon - 1)),
    };
    return true;
}

void flow_node_fini(struct flow_node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        free(node->children[i].key);
        free(node->children[i].value);
    }
    free(node->children);
    free(node->prefix);
    free(node->queue);
    free(node->id);
    redis_reply_free(node->reply);
    *node = (struct flow_node){.prefix = NULL};
}

const char *flow_node_state(const struct flow_node *node, const struct session *session)
{
    if (node->err.code != CT_E_OK)
        return "broken";
    return node->found.exists ? job_state_name(session, &node->found) : "missing";
}

struct ct_str flow_node_field(const struct flow_node *node, const struct session *session,
                              const char *name)
{
    if (node->err.code != CT_E_OK || !node->found.exists)
        return CT_STR_NONE;
    return job_field(session->inspector, &node->found.job, name);
}

/* --- children ------------------------------------------------------------------------------- */

static void keep(struct flow_node *node, enum children_kind kind, const struct child *child)
{
    node->children[node->child_count++] = (struct flow_child){
        .kind = kind,
        .key = ct_strndup(child->key.data, child->key.len),
        .value = child->value.data ? ct_strndup(child->value.data, child->value.len) : NULL,
    };
}

static enum ct_code read_page(struct flow_node *node, struct session *session,
                              struct dialect_queue *queue, struct children_query *query,
                              size_t child_max, struct ct_error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_command command;

    redis_command_init(&command, NULL);
    session->dialect->build_children(queue, query, &command);
    enum ct_code rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = session->dialect->parse_children(queue, query, reply, err);
    for (uint32_t i = 0; rc == CT_E_OK && i < query->child_count; i++) {
        if (node->child_count < child_max && query->children[i].key.data)
            keep(node, query->kind, &query->children[i]);
    }
    children_query_fini(query);
    redis_reply_free(reply);
    return rc;
}

static enum ct_code read_kind(struct flow_node *node, struct session *session,
                              struct dialect_queue *queue, enum children_kind kind,
                              size_t child_max, struct ct_error *err)
{
    uint64_t cursor = 0;
    enum ct_code rc = CT_E_OK;

    do {
        struct children_query query = {.id = ct_str_of(node->id), .kind = kind, .cursor = cursor};

        rc = read_page(node, session, queue, &query, child_max, err);
        cursor = query.next_cursor;
    } while (rc == CT_E_OK && cursor != 0 && node->child_count < child_max);
    return rc;
}

static enum ct_code read_children(struct flow_node *node, struct session *session, size_t child_max,
                                  struct ct_error *err)
{
    const struct queue_name name = {node->prefix, node->queue};
    struct dialect_queue *queue = NULL;
    struct queue_settings defaults;

    node->children = ct_zalloc((child_max + 1) * sizeof *node->children);
    queue_settings_init(&defaults);
    enum ct_code rc = session->dialect->open(&name, &defaults, &queue, err);
    for (size_t i = 0; rc == CT_E_OK && i < sizeof kinds / sizeof *kinds; i++) {
        int64_t count = count_of(&node->found, kinds[i]);

        node->child_total += count;
        if (count > 0 && node->child_count < child_max)
            rc = read_kind(node, session, queue, kinds[i], child_max, err);
    }
    session->dialect->close(queue);
    queue_settings_fini(&defaults);
    return rc;
}

enum ct_code flow_node_read(struct flow_node *node, struct session *session, size_t child_max,
                            struct ct_error *err)
{
    const struct queue_name name = {node->prefix, node->queue};
    enum ct_code rc = job_look(session, &name, node->id, &node->found, &node->reply, err);

    if (rc == CT_E_OK && node->found.has_children)
        rc = read_children(node, session, child_max, err);
    if (rc != CT_E_REDIS_TYPE)
        return rc;
    node->err = *err;
    return CT_E_OK;
}

/* --- the way up ----------------------------------------------------------------------------- */

/* Puts the parent in its place, when it has one that is there. */
static enum ct_code climb(struct flow_node *node, struct session *session, size_t child_max,
                          bool *has_parent, struct ct_error *err)
{
    struct ct_str key = flow_node_field(node, session, "parentKey");
    struct flow_node parent;

    *has_parent = key.data && flow_node_init(&parent, session, key);
    if (!*has_parent)
        return CT_E_OK;
    enum ct_code rc = flow_node_read(&parent, session, child_max, err);
    *has_parent = rc == CT_E_OK && parent.found.exists && parent.err.code == CT_E_OK;
    if (rc == CT_E_OK && !*has_parent)
        fprintf(stderr, "its parent, job \"%s\" of queue \"%s\", %s\n", parent.id, parent.queue,
                parent.err.code != CT_E_OK ? parent.err.detail : "is gone");
    flow_node_fini(*has_parent ? node : &parent);
    if (*has_parent)
        *node = parent;
    return rc;
}

enum ct_code flow_node_climb(struct flow_node *node, struct session *session, size_t child_max,
                             struct ct_error *err)
{
    bool has_parent = true;
    enum ct_code rc = CT_E_OK;

    for (int i = 0; rc == CT_E_OK && has_parent && i < FLOW_UP_MAX; i++)
        rc = climb(node, session, child_max, &has_parent, err);
    if (rc == CT_E_OK && has_parent)
        fprintf(stderr, "the root is more than %d levels up\n", FLOW_UP_MAX);
    return rc;
}
