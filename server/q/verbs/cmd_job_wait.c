/* job wait: until a job has completed, or failed for good. Listens first and looks then, so that an
 * end between the two is not missed; looks again now and then, for messages can be lost.
 *
 *   it has ended already    its result or reason, at once
 *   an end is published     the same, also when the job is removed with it
 *   the message is lost     found at the next look
 *   it is gone at a look    an error: it ended unheard, or somebody removed it */
#include <stdlib.h>

#include "common/clock.h"
#include "q/command.h"
#include "q/job_find.h"
#include "q/job_text.h"
#include "q/listen.h"
#include "q/text.h"

#define LOOK_MS      2000
#define LOOK_DEAF_MS 250 /* where Redis does not let this user listen */

struct settings {
    struct session_settings common;
    int64_t wait_ms;
};

static const struct ct_option options[] = {
    {.name = "wait",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, wait_ms),
     .fallback = "0",
     .max = INT64_C(30) * 86400000,
     .group = "How",
     .help = "How long to wait at the most (then exit status 7); 0: as long as it takes."},
    SESSION_OPTIONS(struct settings),
};

struct waiting {
    struct session *session;
    const char *queue, *id;
    struct listen listen;
    bool has_ended, has_failed;
    bool is_woken;       /* something is to be looked at: the end, or what was missed */
    bool has_value;      /* of a result: null without */
    struct ct_buf value; /* the result as JSON, or the reason as text */
};

static void take_end(struct waiting *waiting, bool has_failed, struct ct_str value)
{
    waiting->has_ended = true;
    waiting->has_failed = has_failed;
    waiting->has_value = value.data != NULL;
    ct_buf_clear(&waiting->value);
    ct_buf_append_str(&waiting->value, value);
}

static void on_event(void *ctx, const struct watch_event *event)
{
    struct waiting *waiting = ctx;

    if (waiting->has_ended || !event->id.data || !ct_str_is(event->id, waiting->id))
        return;
    take_end(waiting, strcmp(event->name, "failed") == 0, event->value);
    waiting->is_woken = true;
}

static enum ct_code look(struct waiting *waiting, struct ct_error *err)
{
    struct session *session = waiting->session;
    struct inspect_found found = {0};
    struct redis_reply *reply = NULL;
    enum ct_code rc = job_peek(session, waiting->queue, waiting->id, 0, &found, &reply, err);

    if (rc == CT_E_OK && found.has_state && !waiting->has_ended) {
        const char *state = job_state_name(session, &found);

        if (strcmp(state, "completed") == 0)
            take_end(waiting, false, job_field(session->inspector, &found.job, "returnvalue"));
        else if (strcmp(state, "failed") == 0)
            take_end(waiting, true, job_field(session->inspector, &found.job, "failedReason"));
    }
    if (rc == CT_E_OK && !found.exists && !waiting->has_ended)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", waiting->queue,
                          waiting->id);
    redis_reply_free(reply);
    return rc;
}

/* The message of an end may still be on its way when a look finds nothing of the job. */
static enum ct_code look_again(struct waiting *waiting, struct ct_error *err)
{
    enum ct_code rc = look(waiting, err);

    if (rc != CT_E_NOT_FOUND)
        return rc;
    session_sleep(waiting->session, LOOK_DEAF_MS, &waiting->has_ended);
    if (waiting->has_ended)
        return CT_E_OK;
    return ct_error_set(err, CT_E_NOT_FOUND,
                        "job \"%s\" is gone: it was removed, or it ended unheard and was removed",
                        waiting->id);
}

static enum ct_code wait_for_end(struct waiting *waiting, int64_t wait_ms, struct ct_error *err)
{
    const int64_t start_ms = ct_monotonic_ms(&ct_clock_system);
    enum ct_code rc = look(waiting, err);

    while (rc == CT_E_OK && !waiting->has_ended) {
        int64_t step_ms = waiting->listen.err.code == CT_E_OK ? LOOK_MS : LOOK_DEAF_MS;

        if (wait_ms > 0) {
            int64_t left_ms = start_ms + wait_ms - ct_monotonic_ms(&ct_clock_system);

            if (left_ms <= 0)
                return ct_error_set(err, CT_E_TIMEOUT,
                                    "job \"%s\" has neither completed nor failed after %lld ms",
                                    waiting->id, (long long)wait_ms);
            step_ms = left_ms < step_ms ? left_ms : step_ms;
        }
        session_sleep(waiting->session, step_ms, &waiting->is_woken);
        waiting->is_woken = false;
        if (!waiting->has_ended)
            rc = look_again(waiting, err);
    }
    return rc;
}

static void add_members(struct view *view, struct waiting *waiting)
{
    view_text(view, "queue", ct_str_of(waiting->queue));
    view_text(view, "id", ct_str_of(waiting->id));
    view_text(view, "state", ct_str_of(waiting->has_failed ? "failed" : "completed"));
    if (waiting->has_failed)
        view_text(view, "failedReason", ct_buf_str(&waiting->value));
    else if (waiting->has_value)
        view_value(view, "returnvalue", ct_buf_str(&waiting->value));
    else
        view_null(view, "returnvalue");
}

/* The result as JSON on a line, or the reason as it is. */
static void show_text(struct waiting *waiting)
{
    struct ct_buf text;

    ct_buf_init(&text);
    if (waiting->has_failed)
        text_append_shown(&text, ct_buf_str(&waiting->value), TEXT_NO_LIMIT);
    else
        text_append_json(&text,
                         waiting->has_value ? ct_buf_str(&waiting->value) : CT_STR_LIT("null"));
    ct_buf_append_char(&text, '\n');
    fwrite(ct_buf_data(&text), 1, text.len, stdout);
    ct_buf_free(&text);
}

static void show(struct waiting *waiting)
{
    struct view view;

    view_sheet(&view, &waiting->session->settings->look, NULL, 0);
    if (view_is_table(&view))
        show_text(waiting);
    else
        add_members(&view, waiting);
    view_end(&view);
    view_close(&view);
}

static void start_listening(struct waiting *waiting)
{
    struct ct_error err;

    listen_open(&waiting->listen, waiting->session, on_event, waiting);
    if (!waiting->session->dialect->watcher)
        return;
    listen_to(&waiting->listen, waiting->queue, "completed");
    listen_to(&waiting->listen, waiting->queue, "failed");
    if (listen_settle(&waiting->listen, &err) != CT_E_OK)
        fprintf(stderr, "looking every %d ms instead of listening: %s\n", LOOK_DEAF_MS, err.detail);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct waiting waiting = {.session = session, .queue = args[0], .id = args[1]};
    struct inspect_counts counts;
    enum ct_code rc = session_need_queue(session, args[0], &counts, err);

    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&waiting.value);
    start_listening(&waiting);
    rc = wait_for_end(&waiting, settings->wait_ms, err);
    if (rc == CT_E_OK) {
        show(&waiting);
        if (waiting.has_failed)
            rc = ct_error_set(err, CT_E_JOB_FAILED, "job \"%s\" has failed", args[1]);
    }
    listen_close(&waiting.listen);
    ct_buf_free(&waiting.value);
    return rc;
}

const struct command cmd_job_wait = {
    .noun = "job",
    .verb = "wait",
    .program = {.name = "cartrita-q job wait",
                .usage = "QUEUE ID [OPTION]...",
                .about = "Wait until a job has ended, and print its result or why it failed.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 2,
    .run = run,
};
