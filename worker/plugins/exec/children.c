/* What the child of exec asks about a job's children: asked by the job's own thread, for the answer
 * may take a while, and told in lines. Called by exec.c. */
#include <stdlib.h>
#include <string.h>

#include "exec.h"

static const char *const names[] = {
    [CARTRITA_CHILDREN_PROCESSED] = "processed",
    [CARTRITA_CHILDREN_IGNORED] = "ignored",
    [CARTRITA_CHILDREN_FAILED] = "failed",
    [CARTRITA_CHILDREN_UNPROCESSED] = "unprocessed",
};
#define NAMES_COUNT ((int32_t)(sizeof names / sizeof names[0]))

int32_t children_kind(const char *name)
{
    int32_t kind = CARTRITA_CHILDREN_PROCESSED;

    while (kind < NAMES_COUNT && strcmp(names[kind], name) != 0)
        kind++;
    return kind < NAMES_COUNT ? kind : 0;
}

/* An answer under way. */
struct telling {
    struct exec *exec;
    struct task *task;
    int32_t kind;
    struct text members; /* of the next line */
    bool is_too_much;
};

/* Takes the members into a line; nothing where the job is over, or the child gone. Under the lock.
 */
static void telling_put(struct telling *telling, bool has_more, const char *error)
{
    struct text *text = &telling->exec->to_child;

    if (!telling->task->is_over) {
        text_printf(text, "{\"type\":\"children\",\"id\":");
        text_add_string(text, telling->task->id);
        text_printf(text, ",\"which\":\"%s\",\"children\":{", names[telling->kind]);
        text_add(text, telling->members.data ? telling->members.data : "", telling->members.len);
        text_printf(text, "},\"more\":%s,\"error\":", has_more ? "true" : "false");
        if (error)
            text_add_string(text, error);
        else
            text_printf(text, "null");
        text_printf(text, "}\n");
    }
    telling->members.len = 0;
    exec_wake(telling->exec);
}

static void telling_flush(struct telling *telling)
{
    pthread_mutex_lock(&telling->exec->lock);
    telling->is_too_much = telling->exec->to_child.len + telling->members.len > EXEC_TO_CHILD_MAX;
    if (!telling->is_too_much)
        telling_put(telling, true, NULL);
    pthread_mutex_unlock(&telling->exec->lock);
}

/* As it is where that is JSON, else as a string. */
static void add_value(struct telling *telling, const char *value, size_t len)
{
    json_t *json = telling->kind == CARTRITA_CHILDREN_PROCESSED
                       ? json_loadb(value, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                       : NULL;

    if (json)
        text_add_json(&telling->members, value, len);
    else
        text_add_string(&telling->members, value);
    json_decref(json);
}

static int32_t each_child(void *ctx, const char *key, const char *value, size_t value_len)
{
    struct telling *telling = ctx;

    if (telling->members.len > 0)
        text_add(&telling->members, ",", 1);
    text_add_string(&telling->members, key);
    text_add(&telling->members, ":", 1);
    if (value)
        add_value(telling, value, value_len);
    else
        text_printf(&telling->members, "null");
    if (telling->members.len >= EXEC_CHILDREN_BYTES)
        telling_flush(telling);
    return telling->is_too_much;
}

static void children_tell_kind(struct exec *exec, struct task *task, int32_t kind)
{
    struct telling telling = {.exec = exec, .task = task, .kind = kind};
    char error[256] = "";
    int32_t rc;

    pthread_mutex_unlock(&exec->lock);
    rc = exec->host->children(task->job, kind, each_child, &telling, error, sizeof error);
    pthread_mutex_lock(&exec->lock);
    if (telling.is_too_much) {
        telling.members.len = 0;
        telling_put(&telling, false, "the command does not read its input");
    } else {
        telling_put(&telling, false, rc == 0 ? NULL : error);
    }
    text_free(&telling.members);
}

void children_tell(struct exec *exec, struct task *task)
{
    const unsigned asked = task->asked;

    task->asked = 0;
    for (int32_t kind = CARTRITA_CHILDREN_PROCESSED; kind < NAMES_COUNT; kind++)
        if (asked & 1u << kind)
            children_tell_kind(exec, task, kind);
}
