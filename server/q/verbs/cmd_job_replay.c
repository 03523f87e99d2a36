/* job replay: runs one stored job once, here, in a process as a worker would start it, without
 * touching its queue. Reads the job, puts it into a file without a name, and becomes
 * cartrita-worker, which does the rest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/program.h"
#include "q/command.h"
#include "q/job_text.h"
#include "q/print.h"
#include "q/worker_child.h"

#define REPLAY_ARGS 64 /* places: what is ours, the settings, what is handed on */

struct settings {
    struct session_settings common;
    const char *plugin, *config, *debugger;
    struct ct_option_list set;
};

static const struct ct_option options[] = {
    {.name = "plugin",
     .letter = 'p',
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, plugin),
     .value_name = "FILE",
     .group = "How",
     .help = "Plugin to run it with: a .so file, or the name of a bundled one."},
    {.name = "set",
     .letter = 's',
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, set),
     .value_name = "KEY=VALUE",
     .help = "Setting for the plugin."},
    {.name = "config",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, config),
     .value_name = "FILE",
     .help = "The worker's configuration, instead of --plugin: plugin, settings and limits are "
             "those of the pool that serves the queue."},
    {.name = "debugger",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, debugger),
     .value_name = "COMMAND",
     .help = "Run the job's process under it, without time limits: gdb, \"valgrind -q\"."},
    SESSION_OPTIONS(struct settings),
};

static enum ct_code check_settings(const struct settings *settings, struct ct_error *err)
{
    if (!settings->plugin == !settings->config)
        return ct_error_set(err, CT_E_USAGE, "give either --plugin FILE or --config FILE");
    if (settings->config && settings->set.count > 0)
        return ct_error_set(err, CT_E_USAGE,
                            "--set goes with --plugin; with --config the file has "
                            "the settings");
    return CT_E_OK;
}

/* --- the job -------------------------------------------------------------------------------------
 */

static void add_text(struct print_json *json, const struct session *session,
                     const struct inspect_job *job, const char *name)
{
    struct ct_str text = job_field(session->inspector, job, name);

    if (text.data)
        print_json_string(json, name, text);
}

/* As cartrita-worker --replay reads it. Data and options stay the texts that they are. */
static void describe(const struct session *session, const char *queue,
                     const struct inspect_job *job, struct print_json *json)
{
    struct ct_str opts = job_field(session->inspector, job, "opts");
    json_t *parsed = NULL;
    struct ct_error ignored;

    print_json_open(json, NULL, '{');
    print_json_string(json, "queue", ct_str_of(queue));
    print_json_string(json, "id", job->id);
    add_text(json, session, job, "name");
    add_text(json, session, job, "data");
    add_text(json, session, job, "opts");
    print_json_int(json, "attemptsMade", job_number(session->inspector, job, "attemptsMade"));
    print_json_int(json, "timestamp", job_number(session->inspector, job, "timestamp"));
    if (opts.data && ct_json_object(opts, &parsed, &ignored) == CT_E_OK)
        print_json_int(json, "timeoutMs", json_integer_value(json_object_get(parsed, "timeout")));
    json_decref(parsed);
    print_json_close(json, '}');
}

static enum ct_code read_job(struct session *session, const char *queue, const char *id,
                             struct print_json *json, struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct inspect_found found = {0};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    inspect_build_job(session->inspector, &name, ct_str_of(id), 0, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_job(session->inspector, reply, ct_str_of(id), &found, err);
    if (rc == CT_E_OK && !found.exists)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", queue, id);
    if (rc == CT_E_OK)
        describe(session, queue, &found.job, json);
    redis_reply_free(reply);
    return rc;
}

/* A descriptor of a file with `text`; -1 with errno. */
static int hide(struct ct_str text)
{
    int fd = memfd_create("cartrita-job", 0);
    size_t done = 0;

    while (fd >= 0 && done < text.len) {
        ssize_t count = write(fd, text.data + done, text.len - done);

        if (count < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return fd;
}

/* --- the worker ----------------------------------------------------------------------------------
 */

/* Returns only when it cannot be started. */
static enum ct_code become_worker(const struct settings *settings, const char *queue, int fd,
                                  const char *const *more, size_t more_count, struct ct_error *err)
{
    char *args[REPLAY_ARGS + 1];
    size_t count = 0;
    char *program = ct_program_beside(WORKER_PROGRAM);
    char *file = ct_asprintf("/proc/self/fd/%d", fd);

    if (more_count + 2 * settings->set.count + 12 > REPLAY_ARGS) {
        free(program);
        free(file);
        return ct_error_set(err, CT_E_USAGE, "more than %d settings and options", REPLAY_ARGS - 12);
    }
    args[count++] = program;
    args[count++] = "--replay";
    args[count++] = file;
    args[count++] = "--log-level=warn";
    args[count++] = settings->config ? "--config" : "--queue";
    args[count++] = (char *)(settings->config ? settings->config : queue);
    if (settings->plugin) {
        args[count++] = "--plugin";
        args[count++] = (char *)settings->plugin;
    }
    if (settings->debugger) {
        args[count++] = "--debugger";
        args[count++] = (char *)settings->debugger;
    }
    for (size_t i = 0; i < settings->set.count; i++) {
        args[count++] = "--set";
        args[count++] = (char *)settings->set.items[i];
    }
    for (size_t i = 0; i < more_count; i++)
        args[count++] = (char *)more[i];
    args[count] = NULL;
    execvp(program, args);
    ct_error_set(err, CT_E_SYSTEM,
                 "%s cannot be started: %s; install it beside cartrita-q or in "
                 "PATH",
                 program, strerror(errno));
    free(program);
    free(file);
    return err->code;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct inspect_counts counts;
    struct print_json json = {0};
    enum ct_code rc = check_settings(settings, err);
    int fd;

    if (rc == CT_E_OK)
        rc = session_need_queue(session, args[0], &counts, err);
    if (rc == CT_E_OK)
        rc = read_job(session, args[0], args[1], &json, err);
    if (rc == CT_E_OK) {
        fd = hide(ct_buf_str(&json.text));
        if (fd < 0)
            rc = ct_error_set(err, CT_E_SYSTEM, "keeping the job: %s", strerror(errno));
        else
            rc = become_worker(settings, args[0], fd, args + 2, arg_count - 2, err);
    }
    ct_buf_free(&json.text);
    return rc;
}

const struct command cmd_job_replay = {
    .noun = "job",
    .verb = "replay",
    .program = {.name = "cartrita-q job replay",
                .usage = "QUEUE ID [OPTION]... [-- OPTION OF cartrita-worker]...",
                .about = "Run one stored job here, under a worker's limits, without its queue.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = REPLAY_ARGS,
    .run = run,
};
