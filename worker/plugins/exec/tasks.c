/* What the lines between runner and child mean for jobs. See exec.h; the contract is in README.md.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec.h"

static struct task *tasks_find(const struct exec *exec, const char *id)
{
    for (struct task *task = exec->tasks; task; task = task->next)
        if (task->is_given && !task->is_over && strcmp(task->id, id) == 0)
            return task;
    return NULL;
}

static void tasks_end(struct exec *exec, struct task *task)
{
    task->is_over = true;
    pthread_cond_broadcast(&exec->over);
}

static void tasks_fail(struct exec *exec, struct task *task, const char *reason)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    failure.reason = reason;
    exec->host->fail(task->job, &failure);
    tasks_end(exec, task);
}

/* --- to the child --------------------------------------------------------------------------------
 */

static void tasks_add_temp_dir(struct text *text, const char *path)
{
    text_printf(text, ",\"tempDir\":");
    if (path)
        text_add_string(text, path);
    else
        text_printf(text, "null"); /* the log says why */
}

static void tasks_add_some(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    text_printf(text, ",\"%s\":", name);
    text_add_string(text, value);
}

bool tasks_give(struct exec *exec, struct task *task)
{
    const struct cartrita_host *host = exec->host;
    struct text *text = &exec->to_child;
    size_t before = text->len, data_len, opts_len;
    const char *data = host->job_data(task->job, &data_len);
    const char *opts = host->job_opts(task->job, &opts_len);

    if (text->len + data_len + opts_len > EXEC_TO_CHILD_MAX && text->len > 0)
        return false;
    text_printf(text, "{\"type\":\"job\",\"id\":");
    text_add_string(text, task->id);
    text_printf(text, ",\"name\":");
    text_add_string(text, host->job_name(task->job));
    text_printf(text, ",\"queue\":");
    text_add_string(text, host->job_queue(task->job));
    text_printf(text, ",\"data\":");
    text_add_json(text, data, data_len);
    text_printf(text, ",\"opts\":");
    text_add_json(text, opts, opts_len);
    text_printf(text, ",\"attemptsMade\":%" PRIu32 ",\"timestamp\":%" PRId64 ",\"token\":",
                host->job_attempts_made(task->job), host->job_timestamp_ms(task->job));
    text_add_string(text, host->job_token(task->job));
    tasks_add_some(text, "tm", host->telemetry(task->job));
    tasks_add_some(text, "parentKey", host->job_parent(task->job));
    if (exec->gives_temp_dirs)
        tasks_add_temp_dir(text, host->job_temp_dir(task->job));
    text_printf(text, "}\n");
    if (text->has_failed) {
        text->len = before;
        text->has_failed = false;
        return false;
    }
    task->is_given = true;
    return true;
}

/* --- from the child ------------------------------------------------------------------------------
 */

/* At powers of two, so that a child that never says anything else does not fill the log. */
static void tasks_complain(struct exec *exec, const char *what, const char *text, size_t len)
{
    exec->broken_count++;
    if (exec->broken_count & (exec->broken_count - 1))
        return;
    exec_log(exec, CARTRITA_LOG_WARN,
             "exec: %s (line of %zu bytes, %lu such lines so far); it begins with: %.*s", what, len,
             exec->broken_count, (int)(len < 80 ? len : 80), text);
}

/* "stacktrace": an array of lines, or one string. Fresh memory, NULL when absent. */
static char *tasks_stack(const struct line *line)
{
    json_t *json = line_value(line, "stacktrace");
    struct text text = {0};

    if (json_is_string(json)) {
        text_add(&text, json_string_value(json), json_string_length(json));
    } else {
        for (size_t i = 0; i < json_array_size(json); i++) {
            const char *entry = json_string_value(json_array_get(json, i));

            if (!entry)
                continue;
            if (text.len)
                text_add(&text, "\n", 1);
            text_add(&text, entry, strlen(entry));
        }
    }
    json_decref(json);
    return text.data;
}

static void tasks_failed(struct exec *exec, struct task *task, const struct line *line)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;
    char *reason = line_text(line, "reason");
    char *name = line_text(line, "name");
    char *stack = tasks_stack(line);
    double delay_ms;

    failure.reason = reason;
    failure.name = name;
    failure.stack = stack;
    failure.is_unrecoverable = line_is_true(line, "unrecoverable");
    if (line_number(line, "delay", &delay_ms)) {
        failure.has_delay = 1;
        failure.delay_ms = delay_ms < 0      ? -1
                           : delay_ms > 9e15 ? INT64_C(9000000000000000)
                                             : (int64_t)delay_ms;
    }
    exec->host->fail(task->job, &failure);
    free(stack);
    free(name);
    free(reason);
    tasks_end(exec, task);
}

static void tasks_completed(struct exec *exec, struct task *task, const struct line *line)
{
    struct span value = line_get(line, "returnvalue");

    exec->host->complete(task->job, value.at, value.len);
    tasks_end(exec, task);
}

static void tasks_progress(struct exec *exec, struct task *task, const struct line *line)
{
    struct span value = line_get(line, "value");

    if (!value.at || exec->host->progress(task->job, value.at, value.len) != 0)
        tasks_complain(exec, "progress without a JSON value", "", 0);
}

static void tasks_log(struct exec *exec, struct task *task, const struct line *line)
{
    char *text = line_text(line, "line");

    if (text)
        exec->host->log(task->job, text, strlen(text));
    free(text);
}

static void tasks_released(struct exec *exec, struct task *task, const struct line *line)
{
    exec->host->release(task->job);
    tasks_end(exec, task);
}

/* A member in ms; 0 where it is missing, or no time. */
static int64_t tasks_ms(const struct line *line, const char *name)
{
    double ms = 0;

    (void)line_number(line, name, &ms);
    if (ms < 0)
        return 0;
    return ms > 9e15 ? INT64_C(9000000000000000) : (int64_t)ms;
}

static void tasks_ratelimited(struct exec *exec, struct task *task, const struct line *line)
{
    exec->host->rate_limit(task->job, tasks_ms(line, "duration"));
    tasks_end(exec, task);
}

static void tasks_delayed(struct exec *exec, struct task *task, const struct line *line)
{
    exec->host->delay(task->job, tasks_ms(line, "delay"));
    tasks_end(exec, task);
}

static void tasks_waiting(struct exec *exec, struct task *task, const struct line *line)
{
    exec->host->wait(task->job);
    tasks_end(exec, task);
}

static void tasks_waiting_children(struct exec *exec, struct task *task, const struct line *line)
{
    exec->host->wait_for_children(task->job);
    tasks_end(exec, task);
}

static void tasks_children(struct exec *exec, struct task *task, const struct line *line)
{
    char *which = line_text(line, "which");
    int32_t kind = children_kind(which ? which : "processed");

    if (kind == 0)
        tasks_complain(exec, "the child asked for children of an unknown kind", which,
                       strlen(which));
    task->asked |= kind ? 1u << kind : 0;
    free(which);
    pthread_cond_broadcast(&exec->over); /* its thread asks */
}

static void tasks_update(struct exec *exec, struct task *task, const struct line *line)
{
    struct span data = line_get(line, "data");

    if (!data.at || exec->host->update_data(task->job, data.at, data.len) != 0)
        tasks_complain(exec, "an update without JSON data", "", 0);
}

static const struct {
    const char *type;
    void (*heard)(struct exec *exec, struct task *task, const struct line *line);
} answers[] = {
    {"completed", tasks_completed}, {"failed", tasks_failed},
    {"progress", tasks_progress},   {"log", tasks_log},
    {"released", tasks_released},   {"ratelimited", tasks_ratelimited},
    {"delayed", tasks_delayed},     {"waiting", tasks_waiting},
    {"children", tasks_children},   {"waiting-children", tasks_waiting_children},
    {"update", tasks_update},       {"add", adds_add},
};

static void tasks_heard_answer(struct exec *exec, const char *type, const char *id,
                               const struct line *line, const char *text, size_t len)
{
    struct task *task = tasks_find(exec, id);

    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        if (strcmp(type, answers[i].type) != 0)
            continue;
        if (task)
            answers[i].heard(exec, task, line);
        else
            tasks_complain(exec, "the child answered for a job that it does not have", text, len);
        return;
    }
    tasks_complain(exec, "the child wrote a line of unknown type", text, len);
}

void tasks_heard(struct exec *exec, const char *text, size_t len)
{
    struct line line;
    char *type, *id;

    if (strspn(text, " \t\r\n") >= len)
        return;
    if (!line_scan(text, len, &line)) {
        tasks_complain(exec, "the child wrote a line that is not a JSON object", text, len);
        return;
    }
    type = line_text(&line, "type");
    id = line_text(&line, "id");
    if (type && strcmp(type, "hello") == 0)
        exec->wants_finished = line_is_true(&line, "finished");
    else if (type && id)
        tasks_heard_answer(exec, type, id, &line, text, len);
    else
        tasks_complain(exec, "the child wrote a line without type or id", text, len);
    free(id);
    free(type);
}

void tasks_heard_too_long(struct exec *exec, const char *text, size_t len)
{
    struct line line;
    struct task *task = NULL;
    char *id;
    char reason[96];

    (void)line_scan(text, len, &line); /* breaks off; type and id usually stand in front */
    id = line_text(&line, "id");
    if (id)
        task = tasks_find(exec, id);
    tasks_complain(exec, "the child wrote a line over the limit", text, len);
    if (task) {
        snprintf(reason, sizeof reason, "the answer is longer than the limit of %u bytes a line",
                 EXEC_LINE_MAX);
        tasks_fail(exec, task, reason);
    }
    free(id);
}

void tasks_child_gone(struct exec *exec, const char *how)
{
    for (struct task *task = exec->tasks; task; task = task->next)
        if (task->is_given && !task->is_over)
            tasks_fail(exec, task, how);
}
