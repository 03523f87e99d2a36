/* job cancel: tells whoever runs a job to stop it, and waits for its end. The message goes straight
 * to Redis, where every daemon that serves the queue hears it; the one that has the job acts.
 *
 *   not active       refused, with what to do instead
 *   nobody hears     refused: a Node worker has it
 *   it ends          its end state
 *   it goes on       after --wait, an error that says why that may be */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "q/command.h"
#include "q/job_find.h"
#include "q/job_text.h"
#include "queue/cancel.h"

/* How often the state is looked at: soon at first, then less often. */
#define LOOK_FIRST_MS 10
#define LOOK_LAST_MS  250

struct settings {
    struct session_settings common;
    const char *reason;
    int64_t wait_ms;
};

static const struct ct_option options[] = {
    {.name = "reason",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, reason),
     .value_name = "TEXT",
     .group = "How",
     .help = "Why; the job's failedReason is \"cancelled: TEXT\"."},
    {.name = "wait",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, wait_ms),
     .fallback = "10s",
     .max = 3600000,
     .help = "How long to wait for its end; 0: do not wait."},
    SESSION_OPTIONS(struct settings),
};

/* What is known of the job in the end; `state` NULL: it is gone. */
struct ending {
    int64_t heard; /* daemons */
    const char *state;
    struct inspect_found found;
    struct redis_reply *reply; /* owned; holds the texts of `found` */
};

static bool is_state(const struct ending *ending, const char *name)
{
    return ending->state && strcmp(ending->state, name) == 0;
}

static enum ct_code look(struct session *session, const char *const *args, struct ending *ending,
                         struct ct_error *err)
{
    enum ct_code rc;

    redis_reply_free(ending->reply);
    rc = job_find(session, args[0], args[1], 0, &ending->found, &ending->reply, err);
    ending->state = rc == CT_E_OK ? job_state_name(session, &ending->found) : NULL;
    return rc;
}

static enum ct_code check_active(const struct ending *ending, const char *id, struct ct_error *err)
{
    if (is_state(ending, "active"))
        return CT_E_OK;
    if (is_state(ending, "completed") || is_state(ending, "failed"))
        return ct_error_set(err, CT_E_CONFLICT, "job \"%s\" has %s: there is nothing to cancel", id,
                            ending->state);
    return ct_error_set(err, CT_E_CONFLICT,
                        "job \"%s\" is %s: only an active job can be cancelled. To keep it from "
                        "running, remove it (`cartrita-q job rm`)",
                        id, ending->state);
}

static enum ct_code publish(struct session *session, const char *const *args, const char *reason,
                            int64_t *heard, struct ct_error *err)
{
    char *channel = cancel_channel(session->settings->prefix, args[0]);
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    rc = cancel_build(channel, ct_str_of(args[1]), ct_str_of(reason), &command, err);
    if (rc == CT_E_OK)
        rc = session_call(session, &command, &reply, err);
    else
        redis_command_fini(&command);
    if (rc == CT_E_OK)
        *heard = redis_reply_int(reply, 0);
    redis_reply_free(reply);
    free(channel);
    return rc;
}

/* Until it is not active any more, or time is up. */
static enum ct_code wait_for_end(struct session *session, const char *const *args, int64_t wait_ms,
                                 struct ending *ending, struct ct_error *err)
{
    const int64_t end_ms = ct_monotonic_ms(&ct_clock_system) + wait_ms;
    int64_t step_ms = LOOK_FIRST_MS, left_ms = wait_ms;
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && left_ms > 0 && is_state(ending, "active")) {
        session_sleep(session, step_ms < left_ms ? step_ms : left_ms, NULL);
        step_ms = step_ms * 2 < LOOK_LAST_MS ? step_ms * 2 : LOOK_LAST_MS;
        rc = look(session, args, ending, err);
        left_ms = end_ms - ct_monotonic_ms(&ct_clock_system);
    }
    return rc == CT_E_NOT_FOUND ? CT_E_OK : rc; /* removed when it ended */
}

static enum ct_code judge(const struct ending *ending, const struct settings *settings,
                          const char *id, struct ct_error *err)
{
    if (settings->wait_ms == 0 || !ending->state || is_state(ending, "failed"))
        return CT_E_OK;
    if (is_state(ending, "completed")) {
        fprintf(stderr, "it had completed before its worker heard\n");
        return CT_E_OK;
    }
    if (is_state(ending, "active"))
        return ct_error_set(err, CT_E_TIMEOUT,
                            "job \"%s\" is still active after %lld ms: a Node worker has it, which "
                            "cannot be told to stop, or its plugin has not stopped yet (after "
                            "cancel-grace its runner is replaced)",
                            id, (long long)settings->wait_ms);
    return ct_error_set(err, CT_E_CONFLICT,
                        "job \"%s\" is %s now: it ended, for another attempt, before its worker "
                        "heard",
                        id, ending->state);
}

static void show(const struct session *session, const char *const *args,
                 const struct ending *ending)
{
    struct view view;

    view_sheet(&view, &session->settings->look, NULL, 0);
    view_text(&view, "queue", ct_str_of(args[0]));
    view_text(&view, "id", ct_str_of(args[1]));
    if (view_json(&view))
        view_number(&view, "heard", ending->heard);
    if (ending->state)
        view_state(&view, "state", ct_str_of(ending->state));
    else
        view_null(&view, "state");
    if (!ending->state)
        view_cell(&view, "state", CT_STR_LIT("gone"), PRINT_PLAIN);
    if (is_state(ending, "failed"))
        view_text(&view, "failedReason",
                  job_field(session->inspector, &ending->found.job, "failedReason"));
    if (is_state(ending, "active"))
        fprintf(stderr, "told to %lld daemon%s\n", (long long)ending->heard,
                ending->heard == 1 ? "" : "s");
    view_end(&view);
    view_close(&view);
}

static enum ct_code cancel(struct session *session, const struct settings *settings,
                           const char *const *args, struct ending *ending, struct ct_error *err)
{
    enum ct_code rc = look(session, args, ending, err);

    if (rc == CT_E_OK)
        rc = check_active(ending, args[1], err);
    if (rc == CT_E_OK)
        rc = publish(session, args, settings->reason, &ending->heard, err);
    if (rc == CT_E_OK && ending->heard == 0)
        rc = ct_error_set(err, CT_E_CONFLICT,
                          "no daemon serves queue \"%s\": a Node worker has job \"%s\", and those "
                          "cannot be told to stop",
                          args[0], args[1]);
    if (rc == CT_E_OK)
        rc = wait_for_end(session, args, settings->wait_ms, ending, err);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct ending ending = {0};
    struct inspect_counts counts;
    enum ct_code rc;

    if (settings->reason && strlen(settings->reason) > CANCEL_REASON_MAX)
        return ct_error_set(err, CT_E_USAGE, "--reason may have %d bytes (CANCEL_REASON_MAX)",
                            CANCEL_REASON_MAX);
    rc = session_need_queue(session, args[0], &counts, err);
    if (rc == CT_E_OK)
        rc = cancel(session, settings, args, &ending, err);
    if (rc == CT_E_OK) {
        show(session, args, &ending);
        rc = judge(&ending, settings, args[1], err);
    }
    redis_reply_free(ending.reply);
    return rc;
}

const struct command cmd_job_cancel = {
    .noun = "job",
    .verb = "cancel",
    .program = {.name = "cartrita-q job cancel",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Stop an active job, wherever a daemon runs it.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
