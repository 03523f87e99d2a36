/* One job as arguments of add.lua: its options, id, data, and where it stands in a flow. Pure. */
#include "dialect/bullmq/entry.h"

#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/entry.h"

/* --- ids ------------------------------------------------------------------------------------ */

static bool has_ending(struct ct_str id)
{
    static const char *const endings[] = {":lock",      ":logs",   ":dependencies",
                                          ":processed", ":failed", ":unsuccessful"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t len = strlen(endings[i]);
        if (id.len >= len && memcmp(id.data + id.len - len, endings[i], len) == 0)
            return true;
    }
    return false;
}

/* Whether keys of the queue itself look like this. */
static bool is_key(struct ct_str id)
{
    static const char *const beginnings[] = {"repeat:", "de:", "dn:", "metrics:"};

    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        struct ct_str rest = id;
        if (ct_str_skip(&rest, beginnings[i]))
            return true;
    }
    return key_table_has(&bullmq_key_table, id) || has_ending(id);
}

static size_t count_colons(struct ct_str id)
{
    size_t count = 0;

    for (size_t i = 0; i < id.len; i++)
        count += id.data[i] == ':';
    return count;
}

static bool is_integer(struct ct_str id)
{
    ct_str_skip(&id, "-");
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9')
            return false;
    }
    return id.len > 0;
}

/* BullMQ's own rules: ids that its counter gives, and markers of its older versions, stay free. */
static enum ct_code check_id(struct ct_str id, struct ct_error *err)
{
    const char *problem = NULL;

    if (id.len > ENTRY_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "option jobId is over %d bytes", ENTRY_ID_MAX);
    if (is_integer(id))
        problem = "is a whole number, which only the queue gives";
    else if (id.len >= 2 && memcmp(id.data, "0:", 2) == 0)
        problem = "begins with 0:";
    else if (count_colons(id) != 0 && count_colons(id) != 2)
        problem = "has a colon";
    else if (is_key(id))
        problem = "is the name of a key of the queue itself";
    if (problem)
        return ct_error_set(err, CT_E_INVALID, "option jobId \"%.*s\" %s", (int)id.len, id.data,
                            problem);
    return CT_E_OK;
}

/* The custom id, NULL when there is none. */
static enum ct_code read_id(const struct memberlist *opts, char **out, struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, "jobId");

    *out = NULL;
    if (!json.data || ct_str_is(json, "\"\""))
        return CT_E_OK;
    char *id = members_string(json);
    if (!id)
        return ct_error_set(err, CT_E_INVALID, "option jobId must be a string");
    enum ct_code rc = check_id(ct_str_of(id), err);
    if (rc != CT_E_OK)
        free(id);
    else
        *out = id;
    return rc;
}

/* --- parents -------------------------------------------------------------------------------- */

struct parent {
    char *id, *queue; /* owned; "prefix:name", NULL: no parent */
};

static void parent_fini(struct parent *parent)
{
    free(parent->id);
    free(parent->queue);
}

static enum ct_code read_parent(const struct memberlist *opts, struct parent *parent,
                                struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, "parent");

    if (!json.data)
        return CT_E_OK;
    parent->id = members_string(members_find(json, "id"));
    parent->queue = members_string(members_find(json, "queue"));
    if (!parent->id || !*parent->id || !parent->queue || !strchr(parent->queue, ':'))
        return ct_error_set(err, CT_E_INVALID,
                            "option parent must be {\"id\": id, \"queue\": \"prefix:name\"}");
    return CT_E_OK;
}

/* The parent of a node is the flow's. */
static void apply_node(const struct job_node *node, struct memberlist *opts, struct parent *parent)
{
    struct ct_buf json;

    if (!node->parent)
        return;
    const struct queue_name *queue = &node->parent->node->queue;
    parent_fini(parent);
    parent->id = ct_strdup(node->parent->id ? node->parent->id : ""); /* refused: none is added */
    parent->queue = ct_asprintf("%s:%s", queue->prefix, queue->name);
    ct_buf_init(&json);
    ct_buf_append_str(&json, CT_STR_LIT("{\"id\":"));
    ct_json_append_string(&json, ct_str_of(parent->id));
    ct_buf_append_str(&json, CT_STR_LIT(",\"queue\":"));
    ct_json_append_string(&json, ct_str_of(parent->queue));
    ct_buf_append_char(&json, '}');
    memberlist_set(opts, "parent", ct_buf_str(&json));
    ct_buf_free(&json);
}

/* What the child's hash says of its parent; the policy there is the one that counts. */
static void put_parent(const struct parent *parent, const char *policy, struct redis_command *out)
{
    char *key = ct_asprintf("%s:%s", parent->queue, parent->id);
    struct ct_buf json;

    ct_buf_init(&json);
    ct_buf_append_str(&json, CT_STR_LIT("{\"id\":"));
    ct_json_append_string(&json, ct_str_of(parent->id));
    ct_buf_append_str(&json, CT_STR_LIT(",\"queueKey\":"));
    ct_json_append_string(&json, ct_str_of(parent->queue));
    if (policy)
        ct_buf_printf(&json, ",\"%s\":true", policy);
    ct_buf_append_char(&json, '}');
    redis_command_text(out, key);
    redis_command_str(out, ct_buf_str(&json));
    ct_buf_free(&json);
    free(key);
}

/* --- writing -------------------------------------------------------------------------------- */

struct prepared {
    char *id; /* owned; NULL: the queue's counter gives it */
    struct ct_buf data, opts;
    struct entry_options options;
    struct parent parent;
    char *base; /* owned; of a node in another queue than the call's; NULL: in that */
};

static void prepared_init(struct prepared *job)
{
    *job = (struct prepared){.id = NULL};
    ct_buf_init(&job->data);
    ct_buf_init(&job->opts);
}

static void prepared_fini(struct prepared *job)
{
    free(job->id);
    ct_buf_free(&job->data);
    ct_buf_free(&job->opts);
    entry_options_fini(&job->options);
    parent_fini(&job->parent);
    free(job->base);
}

static enum ct_code check_together(const struct prepared *job, const struct job_add *add,
                                   struct ct_error *err)
{
    size_t size = job->data.len;

    if ((double)size > job->options.size_limit)
        return ct_error_set(err, CT_E_TOO_LARGE, "data of %zu bytes, over sizeLimit %.0f", size,
                            job->options.size_limit);
    if (job->options.deid && (job->parent.queue || (add->node && add->node->has_children)))
        return ct_error_set(err, CT_E_INVALID,
                            "option deduplication does not go together with a parent or children");
    return CT_E_OK;
}

static enum ct_code prepare_node(const struct dialect_queue *queue, const struct job_node *node,
                                 const struct ct_random *random, struct prepared *job,
                                 struct ct_error *err)
{
    const struct queue_name *name = &node->queue;
    char uuid[CT_UUID_LEN + 1];

    if (!*name->name || strchr(name->name, ':'))
        return ct_error_set(err, CT_E_INVALID,
                            "queue name \"%s\": must not be empty or have a colon", name->name);
    if (strlen(name->name) > QUEUE_NAME_MAX || strlen(name->prefix) > QUEUE_NAME_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "prefix and name of a queue: at most %d bytes each", QUEUE_NAME_MAX);
    if (strcmp(name->name, queue->name) != 0 || strcmp(name->prefix, queue->prefix) != 0)
        job->base = ct_asprintf("%s:%s:", name->prefix, name->name);
    if (!job->id) {
        ct_uuid(random, uuid);
        job->id = ct_strdup(uuid);
    }
    return CT_E_OK;
}

static enum ct_code prepare(const struct dialect_queue *queue, const struct job_add *add,
                            int64_t now_ms, const struct ct_random *random, struct memberlist *opts,
                            struct prepared *job, struct ct_error *err)
{
    enum ct_code rc = entry_data(add->data, &job->data, err);

    if (rc == CT_E_OK && !add->name.data)
        rc = ct_error_set(err, CT_E_INVALID, "a job of BullMQ needs a name");
    if (rc == CT_E_OK)
        rc = entry_options_read(&job->options, opts, now_ms, err);
    if (rc == CT_E_OK)
        rc = read_id(opts, &job->id, err);
    if (rc == CT_E_OK)
        rc = read_parent(opts, &job->parent, err);
    if (rc == CT_E_OK && add->node)
        rc = prepare_node(queue, add->node, random, job, err);
    if (rc == CT_E_OK && add->node)
        apply_node(add->node, opts, &job->parent);
    if (rc == CT_E_OK)
        rc = check_together(job, add, err);
    if (rc == CT_E_OK)
        rc = memberlist_check(opts, "opts with what BullMQ adds", err);
    if (rc == CT_E_OK)
        memberlist_append(opts, &job->opts);
    return rc;
}

/* As read_add (inc/add.lua) reads them. */
static void put_prepared(const struct prepared *job, const struct job_add *add,
                         struct redis_command *out)
{
    const struct entry_options *options = &job->options;
    char letters[16];

    snprintf(letters, sizeof letters, "%s%s%s%s%s%s%s%s", job->base ? "q" : "", job->id ? "i" : "",
             options->delay != 0 ? "t" : "", options->priority != 0 ? "r" : "",
             options->deid ? "d" : "", job->parent.queue ? "p" : "", options->is_lifo ? "l" : "",
             add->node && add->node->has_children ? "c" : "");
    redis_command_text(out, letters);
    redis_command_str(out, add->name);
    redis_command_str(out, ct_buf_str(&job->data));
    redis_command_str(out, ct_buf_str(&job->opts));
    entry_put_number(out, options->timestamp);
    if (job->base)
        redis_command_text(out, job->base);
    if (job->id)
        redis_command_text(out, job->id);
    if (options->delay != 0)
        entry_put_number(out, options->delay);
    if (options->priority != 0)
        entry_put_number(out, options->priority);
    if (options->deid) {
        redis_command_text(out, options->deid);
        if (options->dedup_ttl > 0)
            entry_put_number(out, options->dedup_ttl);
        else
            redis_command_text(out, "");
        redis_command_text(out, options->dedup_mode);
    }
    if (job->parent.queue)
        put_parent(&job->parent, options->policy, out);
}

enum ct_code bullmq_entry_write(const struct dialect_queue *queue, struct job_add *add,
                                int64_t now_ms, const struct ct_random *random,
                                struct redis_command *out, struct ct_error *err)
{
    struct prepared job;
    struct memberlist opts;

    prepared_init(&job);
    enum ct_code rc = memberlist_init(&opts, add->opts, "opts", err);
    if (rc == CT_E_OK)
        rc = prepare(queue, add, now_ms, random, &opts, &job, err);
    if (rc == CT_E_OK) {
        put_prepared(&job, add, out);
        if (add->node)
            add->id = ct_strdup(job.id);
    }
    memberlist_fini(&opts);
    prepared_fini(&job);
    return rc;
}
