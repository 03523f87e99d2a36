/* The queues that a connection takes jobs of. Called by session.c, and by the engine through
 * attach_events; the events only queue messages, the turn sends them.
 *
 * A queue has to be found first (Redis may be away for long), so windows and resumes that arrive
 * meanwhile wait in the sub. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

/* A resume that came before its queue was found. */
struct resume_wish {
    struct ct_list link;
    char *id, *token; /* owned */
    size_t id_len, token_len;
};

/* --- what the engine tells --- */

static void attach_job_too_large(struct conn *conn, struct lease *lease, const struct ct_error *err)
{
    struct ct_error failure;
    char *reason = ct_asprintf("the job cannot be sent to a worker: %s (--frame-max)", err->detail);
    const struct failure failed = {.reason = ct_str_of(reason), .is_unrecoverable = true};

    lease_table_remove(&conn->leases, lease_note(lease));
    if (queue_fail(lease, &failed, &failure) != CT_E_OK)
        ct_log_error("cannot fail a job that is too large", CT_ERR(&failure));
    free(reason);
}

static struct ct_str text_or(struct ct_str text, struct ct_str fallback)
{
    return text.data ? text : fallback;
}

static void attach_on_job(void *ctx, struct lease *lease)
{
    struct sub *sub = ctx;
    struct conn *conn = sub->conn;
    const struct job *job = lease_job(lease);
    struct ct_error err;
    uint64_t number = conn->has_socket ? lease_table_add(&conn->leases, lease) : 0;

    if (number == 0) { /* gone, or full: somebody else can have it */
        if (queue_hand_back(lease, &err) != CT_E_OK)
            ct_log_error("cannot hand a job back", CT_ERR(&err));
        return;
    }
    lease_set_note(lease, number);
    const struct proto_message message = {
        .type = PROTO_JOB,
        .as.job =
            {
                .lease = number,
                .sub = sub->number,
                .id = job->id,
                .name = text_or(job->name, CT_STR_LIT("__default__")),
                .data = text_or(job->data, CT_STR_LIT("{}")),
                .opts = text_or(job->opts, CT_STR_LIT("{}")),
                .token = job->token,
                .timestamp_ms = job->timestamp_ms,
                .attempts_made = job->attempts_made,
                .has_timeout_ms = job->timeout_ms > 0,
                .timeout_ms = job->timeout_ms > 0 ? (uint64_t)job->timeout_ms : 0,
                .has_telemetry = job->telemetry.data != NULL,
                .telemetry = job->telemetry,
                .has_parent = job->parent.data != NULL,
                .parent = job->parent,
            },
    };
    if (conn_send(conn, &message, &err) != CT_E_OK)
        attach_job_too_large(conn, lease, &err);
}

static void attach_on_answer(void *ctx, struct lease *lease, enum ct_code code,
                             enum queue_state state, const char *detail)
{
    struct conn *conn = ((struct sub *)ctx)->conn;
    uint64_t number = lease_note(lease);
    const struct proto_message message = {
        .type = PROTO_ACK,
        .as.ack =
            {
                .lease = number,
                .code = code,
                .has_state = true,
                .state = state,
                .has_detail = detail != NULL,
                .detail = ct_str_of(detail),
            },
    };

    if (lease_table_find(&conn->leases, number) != lease)
        return; /* handed back before the client ever saw it */
    lease_table_remove(&conn->leases, number);
    conn_tell(conn, &message);
    conns_mark(conn);
}

static void attach_on_cancel(void *ctx, struct lease *lease, const struct ct_error *why)
{
    const struct proto_message message = {
        .type = PROTO_CANCEL,
        .as.cancel = {.lease = lease_note(lease),
                      .code = why->code,
                      .reason = ct_str_of(why->detail)},
    };

    conn_tell(((struct sub *)ctx)->conn, &message);
}

static void attach_tell_resumed(const struct sub *sub, struct ct_str id, struct ct_str token,
                                enum ct_code code, uint64_t number)
{
    const struct proto_message message = {
        .type = PROTO_RESUMED,
        .as.resumed = {.sub = sub->number,
                       .id = id,
                       .token = token,
                       .code = code,
                       .has_lease = code == CT_E_OK,
                       .lease = number},
    };

    conn_tell(sub->conn, &message);
}

static void attach_on_resumed(void *ctx, struct ct_str id, struct ct_str token, struct lease *lease,
                              const struct ct_error *err)
{
    struct sub *sub = ctx;
    struct ct_error failure;

    if (!lease) {
        attach_tell_resumed(sub, id, token, err->code, 0);
        return;
    }
    uint64_t number = sub->conn->has_socket ? lease_table_add(&sub->conn->leases, lease) : 0;
    lease_set_note(lease, number);
    if (number > 0)
        attach_tell_resumed(sub, id, token, CT_E_OK, number);
    else if (queue_hand_back(lease, &failure) != CT_E_OK)
        ct_log_error("cannot hand a resumed job back", CT_ERR(&failure));
}

static const struct consumer_events attach_events = {
    .on_job = attach_on_job,
    .on_answer = attach_on_answer,
    .on_cancel = attach_on_cancel,
    .on_resumed = attach_on_resumed,
};

/* --- subs --- */

static struct sub *attach_find(const struct conn *conn, uint64_t number)
{
    CT_LIST_FOREACH (node, &conn->subs) {
        struct sub *sub = CT_CONTAINER(node, struct sub, link);
        if (sub->number == number)
            return sub;
    }
    return NULL;
}

static void attach_apply_window(struct sub *sub)
{
    const struct conn *conn = sub->conn;
    bool may_have_jobs = conn->state == CONN_OPEN && !conn->is_choked;

    if (sub->consumer)
        consumer_window(sub->consumer, may_have_jobs ? sub->window : 0);
}

void attach_set_windows(struct conn *conn)
{
    CT_LIST_FOREACH (node, &conn->subs)
        attach_apply_window(CT_CONTAINER(node, struct sub, link));
}

static void wish_free(struct resume_wish *wish)
{
    ct_list_remove(&wish->link);
    free(wish->id);
    free(wish->token);
    free(wish);
}

static void sub_free(struct sub *sub)
{
    while (!ct_list_is_empty(&sub->resumes))
        wish_free(CT_CONTAINER(sub->resumes.next, struct resume_wish, link));
    if (sub->search)
        hosts_forget(sub->search);
    ct_list_remove(&sub->link);
    sub->conn->sub_count--;
    free(sub);
}

void attach_forget_searches(struct conn *conn)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->subs) {
        struct sub *sub = CT_CONTAINER(node, struct sub, link);
        if (!sub->consumer)
            sub_free(sub);
    }
}

void attach_close_all(struct conn *conn, enum consumer_end end)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->subs) {
        struct sub *sub = CT_CONTAINER(node, struct sub, link);
        if (sub->consumer) {
            consumer_close(sub->consumer, end);
            queue_host_detach(sub->host);
        }
        sub_free(sub);
    }
    lease_table_fini(&conn->leases);
}

/* --- messages --- */

static void attach_answer(const struct sub *sub, const struct ct_error *err, const char *dialect)
{
    const struct proto_message message = {
        .type = PROTO_ATTACHED,
        .as.attached = {.sub = sub->number,
                        .code = err ? err->code : CT_E_OK,
                        .has_detail = err != NULL,
                        .detail = ct_str_of(err ? err->detail : NULL),
                        .has_dialect = dialect != NULL,
                        .dialect = ct_str_of(dialect)},
    };

    conn_tell(sub->conn, &message);
}

static void attach_on_found(void *arg, struct queue_host *host, const struct ct_error *err)
{
    struct sub *sub = arg;

    sub->search = NULL;
    if (!host) {
        attach_answer(sub, err, NULL);
        sub_free(sub);
        return;
    }
    struct queue *queue = queue_host_queue(host);
    sub->host = host;
    queue_host_attach(host);
    sub->consumer = consumer_open(queue, &attach_events, sub);
    attach_answer(sub, NULL, queue_dialect(queue)->name);
    while (!ct_list_is_empty(&sub->resumes)) {
        struct resume_wish *wish = CT_CONTAINER(sub->resumes.next, struct resume_wish, link);
        queue_resume(sub->consumer, (struct ct_str){wish->id, wish->id_len},
                     (struct ct_str){wish->token, wish->token_len});
        wish_free(wish);
    }
    attach_apply_window(sub);
}

static enum ct_code attach_check(const struct conn *conn, const struct proto_attach *attach,
                                 struct ct_error *err)
{
    if (attach_find(conn, attach->sub))
        return ct_error_set(err, CT_E_CONFLICT, "attachment %llu is already in use",
                            (unsigned long long)attach->sub);
    if (conn->sub_count >= CONN_SUBS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a connection attaches to %d queues at the most (CONN_SUBS_MAX)",
                            CONN_SUBS_MAX);
    if (attach->has_settings && attach->settings.len > CONN_TEXT_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "settings may have %d bytes (CONN_TEXT_MAX)",
                            CONN_TEXT_MAX);
    return hosts_check_name(attach->queue, attach->has_prefix ? attach->prefix : CT_STR_NONE, err);
}

void attach_attach(struct conn *conn, const struct proto_attach *attach)
{
    struct ct_error err;

    if (attach_check(conn, attach, &err) != CT_E_OK) {
        const struct sub refused = {.conn = conn, .number = attach->sub};
        attach_answer(&refused, &err, NULL);
        return;
    }
    const struct hosts_want want = {
        .prefix = attach->has_prefix ? attach->prefix : CT_STR_LIT("bull"),
        .name = attach->queue,
        .dialect = attach->has_dialect ? attach->dialect : CT_STR_NONE,
        .settings = attach->has_settings ? attach->settings : CT_STR_NONE,
    };
    struct sub *sub = ct_zalloc(sizeof *sub);
    sub->conn = conn;
    sub->number = attach->sub;
    ct_list_init(&sub->resumes);
    ct_list_push_back(&conn->subs, &sub->link);
    conn->sub_count++;
    sub->search = hosts_find(conn->conns->hosts, &want, attach_on_found, sub);
}

void attach_window(struct conn *conn, const struct proto_window *window)
{
    struct sub *sub = attach_find(conn, window->sub);

    if (!sub)
        return; /* its attach was refused, and it cannot know yet */
    sub->window = window->count < CONN_WINDOW_MAX ? (uint32_t)window->count : CONN_WINDOW_MAX;
    attach_apply_window(sub);
}

static void attach_refuse_resume(struct conn *conn, const struct proto_resume *resume,
                                 enum ct_code code)
{
    const struct sub refused = {.conn = conn, .number = resume->sub};

    attach_tell_resumed(&refused, resume->id, resume->token, code, 0);
}

void attach_resume(struct conn *conn, const struct proto_resume *resume)
{
    struct sub *sub = attach_find(conn, resume->sub);

    if (!sub) {
        attach_refuse_resume(conn, resume, CT_E_NOT_FOUND);
    } else if (resume->id.len > CONN_TEXT_MAX || resume->token.len > CONN_TEXT_MAX) {
        attach_refuse_resume(conn, resume, CT_E_TOO_LARGE);
    } else if (sub->consumer) {
        queue_resume(sub->consumer, resume->id, resume->token);
    } else if (sub->resume_count >= CONN_RESUMES_MAX) {
        attach_refuse_resume(conn, resume, CT_E_TOO_LARGE);
    } else {
        struct resume_wish *wish = ct_zalloc(sizeof *wish);
        wish->id = ct_strndup(resume->id.data, resume->id.len);
        wish->id_len = resume->id.len;
        wish->token = ct_strndup(resume->token.data, resume->token.len);
        wish->token_len = resume->token.len;
        ct_list_push_back(&sub->resumes, &wish->link);
        sub->resume_count++;
        hosts_hurry(sub->search); /* whoever ran the job needs an answer */
    }
}
