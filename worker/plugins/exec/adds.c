/* Jobs that the child of exec adds: given to the runner, and answered when the child has asked for
 * it. Called by tasks.c, under the lock; the answer comes on the loop's thread. */
#include <stdlib.h>
#include <string.h>

#include "exec.h"

/* Whom to tell what became of it. */
struct answer {
    struct exec *exec; /* borrowed: open until all is answered */
    char *id, *ref;    /* owned; ref: JSON as the child wrote it */
};

static void on_added(void *ctx, const char *id, const char *error)
{
    struct answer *answer = ctx;
    struct exec *exec = answer->exec;
    struct text *text = &exec->to_child;

    pthread_mutex_lock(&exec->lock);
    if (exec->has_child && text->len < EXEC_TO_CHILD_MAX) {
        text_printf(text, "{\"type\":\"added\",\"id\":");
        text_add_string(text, answer->id);
        text_printf(text, ",\"ref\":%s,\"job\":", answer->ref);
        if (id)
            text_add_string(text, id);
        else
            text_printf(text, "null");
        text_printf(text, ",\"error\":");
        if (error)
            text_add_string(text, error);
        else
            text_printf(text, "null");
        text_printf(text, "}\n");
        exec_wake(exec);
    }
    pthread_mutex_unlock(&exec->lock);
    free(answer->id);
    free(answer->ref);
    free(answer);
}

/* NULL: the child wants none. */
static struct answer *answer_new(struct exec *exec, const struct task *task,
                                 const struct line *line)
{
    struct span ref = line_get(line, "ref");
    json_t *json = line_value(line, "ref");
    struct answer *answer =
        json_is_string(json) || json_is_number(json) ? calloc(1, sizeof *answer) : NULL;

    json_decref(json);
    if (!answer)
        return NULL;
    *answer = (struct answer){exec, strdup(task->id), strndup(ref.at, ref.len)};
    return answer;
}

/* The options of a job to add, as text; `child`: with our job as its parent. */
static void put_opts(struct text *out, const struct exec *exec, const struct task *task,
                     const struct line *line)
{
    struct span opts = line_get(line, "opts");
    const char *rest = opts.at && opts.len >= 2 && opts.at[0] == '{' ? opts.at + 1 : "}";

    if (!line_is_true(line, "child")) {
        text_add(out, opts.at ? opts.at : "{}", opts.at ? opts.len : 2);
        return;
    }
    text_printf(out, "{\"parent\":{\"id\":");
    text_add_string(out, task->id);
    text_printf(out, ",\"queue\":");
    text_add_string(out, exec->host->job_queue_key(task->job));
    text_printf(out, "}");
    if (rest[strspn(rest, " \t\r\n")] != '}')
        text_add(out, ",", 1);
    text_add(out, rest, rest == opts.at + 1 ? opts.len - 1 : 1);
}

void adds_add(struct exec *exec, struct task *task, const struct line *line)
{
    char *queue = line_text(line, "queue"), *name = line_text(line, "name");
    struct span value = line_get(line, "data");
    char *data = value.at ? strndup(value.at, value.len) : NULL;
    struct answer *answer = answer_new(exec, task, line);
    struct text opts = {0};

    put_opts(&opts, exec, task, line);
    exec->host->enqueue(task->job, queue ? queue : exec->host->job_queue(task->job), name, data,
                        opts.data, answer ? on_added : NULL, answer);
    text_free(&opts);
    free(data);
    free(name);
    free(queue);
}
