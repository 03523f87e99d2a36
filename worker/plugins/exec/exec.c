/* exec: runs jobs in a child command of any language, over lines of JSON. The contract is in
 * README.md; threads and files are described in exec.h. This file is the plugin's face to the
 * runner: settings, run, cancel, finished. */
#include "exec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EXEC_ARGS_MAX 256u

int64_t exec_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void exec_log(const struct exec *exec, int32_t level, const char *format, ...)
{
    char text[EXEC_STDERR_LINE_MAX + 512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    exec->host->log_process(level, text);
}

void exec_wake(struct exec *exec)
{
    uint64_t one = 1;
    ssize_t ignored = write(exec->wake, &one, sizeof one);

    (void)ignored;
}

/* --- settings ------------------------------------------------------------------------------------
 */

static void exec_free(struct exec *exec)
{
    for (size_t i = 0; exec->argv && exec->argv[i]; i++)
        free(exec->argv[i]);
    free(exec->argv);
    free(exec->folder);
    text_free(&exec->to_child);
    text_free(&exec->from_child);
    text_free(&exec->stderr_in);
    if (exec->wake >= 0)
        close(exec->wake);
    free(exec);
}

static bool exec_take_argv(struct exec *exec, const json_t *list)
{
    size_t count = json_array_size(list);

    if (count == 0 || count > EXEC_ARGS_MAX)
        return false;
    exec->argv = calloc(count + 1, sizeof *exec->argv);
    for (size_t i = 0; exec->argv && i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (!text || !(exec->argv[i] = strdup(text)))
            return false;
    }
    return exec->argv != NULL;
}

/* `argv` as a list, or, from --set, as the text of one. */
static bool exec_take_settings(struct exec *exec, const json_t *config, char *error,
                               size_t error_size)
{
    const char *command = json_string_value(json_object_get(config, "command"));
    const char *folder = json_string_value(json_object_get(config, "cwd"));
    const json_t *argv = json_object_get(config, "argv");
    const json_t *temp_dir = json_object_get(config, "tempDir");
    const char *temp_dir_text = json_string_value(temp_dir); /* from --set */
    const char *argv_text = json_string_value(argv);
    json_t *parsed = argv_text ? json_loads(argv_text, 0, NULL)
                     : command ? json_pack("[s, s, s]", "/bin/sh", "-c", command)
                               : NULL;
    bool is_taken = false;

    if (!command == !argv)
        snprintf(error, error_size,
                 "set either command (a line for /bin/sh) or argv (a list: program and arguments)");
    else if (!exec_take_argv(exec, parsed ? parsed : argv))
        snprintf(error, error_size, "argv must be a list of 1 to %u strings", EXEC_ARGS_MAX);
    else if (temp_dir && !json_is_boolean(temp_dir) &&
             (!temp_dir_text ||
              (strcmp(temp_dir_text, "true") != 0 && strcmp(temp_dir_text, "false") != 0)))
        snprintf(error, error_size, "tempDir must be true or false");
    else
        is_taken = true;
    json_decref(parsed);
    exec->gives_temp_dirs =
        json_is_true(temp_dir) || (temp_dir_text && strcmp(temp_dir_text, "true") == 0);
    if (is_taken && folder)
        exec->folder = strdup(folder);
    return is_taken;
}

static int32_t exec_open(const struct cartrita_host *host, const char *config, uint32_t concurrency,
                         void **self, char *error, size_t error_size)
{
    struct exec *exec = calloc(1, sizeof *exec);
    json_t *object = json_loads(config, 0, NULL);
    bool is_open = false;

    (void)concurrency;
    if (exec) {
        exec->host = host;
        exec->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&exec->lock, NULL);
        pthread_cond_init(&exec->over, NULL);
        is_open = exec_take_settings(exec, object, error, error_size);
    }
    json_decref(object);
    if (is_open && (errno = pthread_create(&exec->manager, NULL, manager_main, exec)) != 0) {
        snprintf(error, error_size, "starting a thread: %s", strerror(errno));
        is_open = false;
    }
    if (!is_open && exec)
        exec_free(exec);
    if (!is_open)
        return -1;
    *self = exec;
    return 0;
}

static void exec_close(void *self)
{
    struct exec *exec = self;

    pthread_mutex_lock(&exec->lock);
    exec->is_closing = true;
    pthread_mutex_unlock(&exec->lock);
    exec_wake(exec);
    pthread_join(exec->manager, NULL);
    exec_free(exec);
}

/* --- jobs ----------------------------------------------------------------------------------------
 */

/* Jobs of two queues may have the same id, and the child's answers name nothing else: the second
 * one waits until the first is over. */
static bool exec_is_id_taken(const struct exec *exec, const char *id)
{
    for (const struct task *task = exec->tasks; task; task = task->next)
        if (strcmp(task->id, id) == 0)
            return true;
    return false;
}

static void exec_remove(struct exec *exec, struct task *task)
{
    struct task **at = &exec->tasks;

    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    pthread_cond_broadcast(&exec->over);
}

static void exec_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct exec *exec = self;
    struct task task = {.job = jobs[0], .id = exec->host->job_id(jobs[0])};
    bool is_refused = false;

    (void)job_count; /* always one: no batches */
    pthread_mutex_lock(&exec->lock);
    while (exec_is_id_taken(exec, task.id))
        pthread_cond_wait(&exec->over, &exec->lock);
    task.next = exec->tasks;
    exec->tasks = &task;
    /* While there is no child, the manager gives it to the next one. */
    if (exec->has_child)
        is_refused = !tasks_give(exec, &task);
    if (!is_refused)
        exec_wake(exec);
    while (!task.is_over && !is_refused) {
        if (task.asked)
            children_tell(exec, &task);
        else
            pthread_cond_wait(&exec->over, &exec->lock);
    }
    exec_remove(exec, &task);
    pthread_mutex_unlock(&exec->lock);
    if (is_refused) {
        struct cartrita_failure failure = CARTRITA_FAILURE;

        failure.reason = "the command does not read its input: too much is waiting for it";
        exec->host->fail(task.job, &failure);
    }
}

static void exec_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    struct exec *exec = self;

    pthread_mutex_lock(&exec->lock);
    for (struct task *task = exec->tasks; task; task = task->next) {
        if (task->job != job || task->is_over || task->is_cancelled)
            continue;
        task->is_cancelled = true;
        if (!task->is_given) { /* the child never heard of it */
            struct cartrita_failure failure = CARTRITA_FAILURE;

            failure.reason = reason;
            exec->host->fail(job, &failure);
            task->is_over = true;
            pthread_cond_broadcast(&exec->over);
            break;
        }
        text_printf(&exec->to_child, "{\"type\":\"cancel\",\"id\":");
        text_add_string(&exec->to_child, task->id);
        text_printf(&exec->to_child, ",\"reason\":");
        text_add_string(&exec->to_child, reason);
        text_printf(&exec->to_child, "}\n");
    }
    pthread_mutex_unlock(&exec->lock);
    exec_wake(exec);
}

static void exec_finished(void *self, const char *queue, const char *id, const char *state,
                          const char *error)
{
    struct exec *exec = self;

    (void)queue;
    pthread_mutex_lock(&exec->lock);
    if (exec->wants_finished && exec->to_child.len < EXEC_TO_CHILD_MAX) {
        text_printf(&exec->to_child, "{\"type\":\"finished\",\"id\":");
        text_add_string(&exec->to_child, id);
        text_printf(&exec->to_child, ",\"state\":");
        text_add_string(&exec->to_child, state);
        text_printf(&exec->to_child, ",\"error\":");
        if (error)
            text_add_string(&exec->to_child, error);
        else
            text_printf(&exec->to_child, "null");
        text_printf(&exec->to_child, "}\n");
        exec_wake(exec);
    }
    pthread_mutex_unlock(&exec->lock);
}

CARTRITA_PLUGIN(.name = "exec", .version = "1.0", .open = exec_open, .run = exec_run,
                .close = exec_close, .finished = exec_finished, .cancel = exec_cancel)
