/* The connection of one command, and what commands ask first. The happy path: parse the URL, open
 * a link, make calls one by one. Redis out of reach, slow or refusing ends the command with the
 * link's own reason. */
#include "q/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "dialect/registry.h"
#include "redis/tls.h"

#define REPLY_GRACE_MS 1000

void session_wait(struct session *session, const size_t *pending)
{
    while (*pending > 0)
        uv_run(&session->loop, UV_RUN_ONCE);
}

static void on_nap_end(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = false;
}

void session_sleep(struct session *session, int64_t ms, const bool *is_over)
{
    bool is_late = false, is_open = true;
    uv_timer_t timer;

    uv_timer_init(&session->loop, &timer);
    timer.data = &is_late;
    uv_update_time(&session->loop);
    uv_timer_start(&timer, on_nap_end, (uint64_t)(ms > 0 ? ms : 0), 0);
    while (!is_late && !(is_over && *is_over))
        uv_run(&session->loop, UV_RUN_ONCE);
    timer.data = &is_open;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (is_open)
        uv_run(&session->loop, UV_RUN_NOWAIT);
}

bool session_is_auto(const struct session *session)
{
    return strcmp(session->settings->queue_dialect, "auto") == 0;
}

void session_use(struct session *session, const struct dialect *dialect)
{
    session->dialect = dialect;
    session->inspector = dialect->inspector;
}

/* With "auto" the first dialect stands in until a queue tells: they name their queues alike. */
static enum ct_code choose_dialect(struct session *session, struct ct_error *err)
{
    const char *wanted = session_is_auto(session) ? "bull" : session->settings->queue_dialect;
    const struct dialect *dialect = NULL;
    enum ct_code rc = dialect_choose(wanted, &dialect, err);

    if (rc == CT_E_OK)
        session_use(session, dialect);
    else
        ct_error_wrap(err, "--dialect");
    return rc;
}

enum ct_code session_resolve(struct session *session, const char *queue, struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    dialect_build_detect(&name, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = dialect_parse_detect(reply, &session->found, err);
    redis_reply_free(reply);
    if (rc == CT_E_OK && session_is_auto(session))
        session_use(session, session->found.dialect);
    return rc;
}

enum ct_code session_resolve_target(struct session *session, const char *queue,
                                    struct ct_error *err)
{
    const struct dialect *dialect = session->dialect;
    enum ct_code rc = session_resolve(session, queue, err);

    if (rc == CT_E_OK && session_is_auto(session) && !session->found.exists)
        session_use(session, dialect);
    return rc;
}

enum ct_code session_check_change(const struct session *session, const char *queue,
                                  struct ct_error *err)
{
    const struct dialect_found *found = &session->found;

    if (found->verdict == DIALECT_TOLD && found->dialect != session->dialect)
        return ct_error_set(
            err, CT_E_CONFLICT,
            "queue \"%.60s\" is not of the dialect %s but of %s, %s: leave --dialect out", queue,
            session->dialect->name, found->dialect->name, found->signs);
    if (!session_is_auto(session) || found->verdict != DIALECT_MIXED)
        return CT_E_OK;
    return ct_error_set(err, CT_E_CONFLICT,
                        "queue \"%.60s\" has keys of both Bull and BullMQ, %s: say whose jobs to "
                        "change with --dialect bull or --dialect bullmq",
                        queue, session->found.signs);
}

static void warn_of_password(const struct ct_option_set *set, const struct ct_redis_url *url)
{
    const char *warning = ct_secret_warning(set, url);

    if (warning)
        fprintf(stderr, "warning: %s\n", warning);
}

enum ct_code session_open(struct session *session, const struct ct_option_set *set,
                          struct ct_error *err)
{
    const struct session_settings *settings = set->settings;
    enum ct_code rc;

    *session = (struct session){.set = set, .settings = settings};
    rc = choose_dialect(session, err);
    if (rc != CT_E_OK)
        return rc;
    rc = ct_secret_read_url(set, settings->redis_url, &session->url, err);
    if (rc != CT_E_OK)
        return rc;
    warn_of_password(set, &session->url);
    if (redis_tls_load(&session->url, err) != CT_E_OK) {
        ct_redis_url_free(&session->url);
        return ct_error_set(err, CT_E_USAGE, "%s", err->detail);
    }
    uv_loop_init(&session->loop);
    session->link = redis_link_open(&(struct redis_link_options){
        .loop = &session->loop,
        .url = &session->url,
        .random = &ct_random_system,
        /* Later than a call's own, which tells better what it was. */
        .reply_timeout_ms = (uint64_t)settings->timeout_ms + REPLY_GRACE_MS,
    });
    return CT_E_OK;
}

bool session_may_be_done(enum ct_code rc)
{
    return rc == CT_E_TIMEOUT || rc == CT_E_CLOSED || rc == CT_E_REDIS_DOWN;
}

void session_close(struct session *session)
{
    redis_link_close(session->link, NULL, NULL);
    uv_run(&session->loop, UV_RUN_DEFAULT);
    ct_assert(uv_loop_close(&session->loop) == 0);
    ct_redis_url_free(&session->url);
}

enum ct_code session_call(struct session *session, struct redis_command *command,
                          struct redis_reply **reply, struct ct_error *err)
{
    enum ct_code rc = redis_link_call_wait(session->link, command,
                                           (uint64_t)session->settings->timeout_ms, reply, err);
    char *url;

    redis_command_fini(command);
    /* A link that never came up names its address itself. */
    if (rc != CT_E_CLOSED && rc != CT_E_TIMEOUT)
        return rc;
    url = ct_redis_url_print(&session->url);
    ct_error_wrap(err, "%s", url);
    free(url);
    return rc;
}

enum ct_code session_ready(struct session *session, struct ct_error *err)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, "PING");
    return session_call(session, &command, NULL, err);
}

enum ct_code session_counts(struct session *session, const char *queue, struct inspect_counts *out,
                            struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    inspect_build_counts(session->inspector, &name, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_counts(session->inspector, reply, out, err);
    redis_reply_free(reply);
    return rc;
}

enum ct_code session_need_queue(struct session *session, const char *queue,
                                struct inspect_counts *out, struct ct_error *err)
{
    struct session_names names = {0};
    struct ct_nearest nearest;
    struct ct_error ignored;
    enum ct_code rc = session_resolve(session, queue, err);

    if (rc == CT_E_OK)
        rc = session_counts(session, queue, out, err);
    if (rc != CT_E_OK || out->exists)
        return rc;
    ct_nearest_init(&nearest, queue);
    if (session_names(session, &names, &ignored) == CT_E_OK) {
        for (size_t i = 0; i < names.count; i++)
            ct_nearest_offer(&nearest, names.items[i]);
    }
    if (nearest.best)
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "there is no queue \"%s\" under the prefix \"%s\"; did you mean \"%s\"?",
                          queue, session->settings->prefix, nearest.best);
    else
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "there is no queue \"%s\" under the prefix \"%s\"; `cartrita-q queue ls` "
                          "lists those that are",
                          queue, session->settings->prefix);
    session_names_free(&names);
    return rc;
}

/* --- names ---------------------------------------------------------------------------------- */

static void on_name(void *ctx, struct ct_str name)
{
    struct session_names *names = ctx;

    /* A queue named with a NUL is beyond what a command line can say. */
    if (memchr(name.data, '\0', name.len) || names->count == SESSION_QUEUES_MAX)
        return;
    if (names->count == names->cap) {
        names->cap = names->cap ? 2 * names->cap : 16;
        names->items = ct_realloc(names->items, names->cap * sizeof *names->items);
    }
    names->items[names->count++] = ct_strndup(name.data, name.len);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct session_names *names)
{
    size_t kept = 0;

    if (names->count == 0)
        return;
    qsort(names->items, names->count, sizeof *names->items, compare_names);
    for (size_t i = 1; i < names->count; i++) {
        if (strcmp(names->items[kept], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[++kept] = names->items[i];
    }
    names->count = kept + 1;
}

enum ct_code session_names(struct session *session, struct session_names *out, struct ct_error *err)
{
    const char *prefix = session->settings->prefix;
    struct session_names names = {0};
    struct ct_buf cursor;
    enum ct_code rc;

    ct_buf_init(&cursor);
    ct_buf_append_char(&cursor, '0');
    do {
        struct redis_reply *reply = NULL;
        struct redis_command command;
        struct ct_str next;

        redis_command_init(&command, NULL);
        inspect_build_scan(prefix, ct_buf_str(&cursor), &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = inspect_parse_scan(prefix, reply, &next, on_name, &names, err);
        if (rc == CT_E_OK) {
            ct_buf_clear(&cursor);
            ct_buf_append_str(&cursor, next);
        }
        redis_reply_free(reply);
        sort_names(&names);
    } while (rc == CT_E_OK && !ct_str_is(ct_buf_str(&cursor), "0"));
    ct_buf_free(&cursor);
    if (rc == CT_E_OK)
        *out = names;
    else
        session_names_free(&names);
    return rc;
}

void session_names_free(struct session_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct session_names){0};
}
