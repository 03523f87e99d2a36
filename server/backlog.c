/* Sampling of watched queues. See backlog.h.
 *
 * Happy path: the queue is found and held, asked about every BACKLOG_INTERVAL_MS, and each answer
 * goes to all who watch it. Failures: the queue cannot be had (said once in the log; its watchers
 * hear nothing); Redis is away (nothing is asked); a call fails (said once until one works again);
 * an answer is late (no second question meanwhile). */
#include "server/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dialect/shared/inspect.h"
#include "server/conn_internal.h"

/* One queue. It outlives its watchers while a question is under way, and then ends by itself. */
struct gauge {
    struct ct_list link; /* in backlog->gauges; in no list once nobody watches */
    struct conns *conns;
    char *prefix, *name, *dialect; /* owned; dialect NULL: auto */
    struct ct_list watches;        /* struct watch */
    struct hosts_search *search;   /* while the queue is being found */
    struct queue_host *host;       /* held once it is found */
    const struct inspector *inspector;
    bool is_asked, is_complained;
};

struct watch {
    struct ct_list link;      /* in gauge->watches */
    struct ct_list conn_link; /* in conn->watches */
    struct gauge *gauge;
    struct conn *conn;
    bool has_prefix; /* as in the request */
};

/* --- asking --- */

static void gauge_free(struct gauge *gauge)
{
    free(gauge->prefix);
    free(gauge->name);
    free(gauge->dialect);
    free(gauge);
}

static void gauge_tell(const struct gauge *gauge, const struct inspect_backlog *backlog)
{
    struct proto_message message = {
        .type = PROTO_BACKLOG,
        .as.backlog = {.queue = ct_str_of(gauge->name),
                       .prefix = ct_str_of(gauge->prefix),
                       .waiting = (uint64_t)backlog->waiting,
                       .oldest_ms = (uint64_t)backlog->oldest_ms},
    };

    CT_LIST_FOREACH (node, &gauge->watches) {
        const struct watch *watch = CT_CONTAINER(node, struct watch, link);

        message.as.backlog.has_prefix = watch->has_prefix;
        conn_tell(watch->conn, &message);
    }
}

static void gauge_on_answer(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct gauge *gauge = arg;
    struct inspect_backlog backlog;
    struct ct_error why;
    enum ct_code rc;

    gauge->is_asked = false;
    if (ct_list_is_empty(&gauge->watches)) {
        gauge_free(gauge);
        return;
    }
    if (err && err->code == CT_E_REDIS_DOWN)
        return; /* the log tells of that already */
    if (err) {
        why = *err;
        rc = err->code;
    } else {
        rc = inspect_parse_backlog(reply, &backlog, &why);
    }
    if (rc == CT_E_OK)
        gauge_tell(gauge, &backlog);
    else if (!gauge->is_complained)
        ct_log_warn("backlog of a queue is not known", CT_STR("queue", gauge->name), CT_ERR(&why));
    gauge->is_complained = rc != CT_E_OK;
}

static void gauge_ask(struct gauge *gauge)
{
    const struct queue_name name = {gauge->prefix, gauge->name};
    struct redis_command command;

    if (!gauge->host || gauge->is_asked || !hosts_redis_is_up(gauge->conns->hosts))
        return;
    gauge->is_asked = true;
    redis_command_init(&command, NULL);
    inspect_build_backlog(gauge->inspector, &name, ct_wall_ms(gauge->conns->clock), &command);
    hosts_call(gauge->conns->hosts, &command, gauge_on_answer, gauge);
    redis_command_fini(&command);
}

static void backlog_on_timer(uv_timer_t *timer)
{
    struct conns *conns = timer->data;

    if (conns->is_draining)
        return;
    CT_LIST_FOREACH (node, &conns->backlog.gauges)
        gauge_ask(CT_CONTAINER(node, struct gauge, link));
}

/* --- watching --- */

static void gauge_on_found(void *arg, struct queue_host *host, const struct ct_error *err)
{
    struct gauge *gauge = arg;

    gauge->search = NULL;
    if (!host) {
        if (err->code != CT_E_CLOSED) /* we are stopping */
            ct_log_warn("queue cannot be watched", CT_STR("queue", gauge->name), CT_ERR(err));
        return;
    }
    gauge->inspector = queue_dialect(queue_host_queue(host))->inspector;
    if (!gauge->inspector)
        return;
    gauge->host = host;
    queue_host_hold(host);
    gauge_ask(gauge);
}

static bool same_text(const char *text, struct ct_str other)
{
    return text ? ct_str_is(other, text) : !other.data;
}

static struct gauge *gauge_find(const struct backlog *backlog, const struct hosts_want *want)
{
    CT_LIST_FOREACH (node, &backlog->gauges) {
        struct gauge *gauge = CT_CONTAINER(node, struct gauge, link);
        if (same_text(gauge->name, want->name) && same_text(gauge->prefix, want->prefix) &&
            same_text(gauge->dialect, want->dialect))
            return gauge;
    }
    return NULL;
}

/* Answers name a queue as the request did, so one that names it differently is another one. */
static bool gauge_has(const struct gauge *gauge, const struct conn *conn, bool has_prefix)
{
    CT_LIST_FOREACH (node, &gauge->watches) {
        const struct watch *watch = CT_CONTAINER(node, struct watch, link);
        if (watch->conn == conn && watch->has_prefix == has_prefix)
            return true;
    }
    return false;
}

static struct gauge *gauge_new(struct conns *conns, const struct hosts_want *want)
{
    struct gauge *gauge = ct_zalloc(sizeof *gauge);
    struct backlog *backlog = &conns->backlog;

    gauge->conns = conns;
    gauge->prefix = ct_strndup(want->prefix.data, want->prefix.len);
    gauge->name = ct_strndup(want->name.data, want->name.len);
    gauge->dialect = want->dialect.data ? ct_strndup(want->dialect.data, want->dialect.len) : NULL;
    ct_list_init(&gauge->watches);
    if (ct_list_is_empty(&backlog->gauges))
        uv_timer_start(&backlog->timer, backlog_on_timer, BACKLOG_INTERVAL_MS, BACKLOG_INTERVAL_MS);
    ct_list_push_back(&backlog->gauges, &gauge->link);
    gauge->search = hosts_find(conns->hosts, want, gauge_on_found, gauge);
    return gauge;
}

/* Nobody watches it any more. */
static void gauge_end(struct gauge *gauge)
{
    struct backlog *backlog = &gauge->conns->backlog;

    ct_list_remove(&gauge->link);
    if (ct_list_is_empty(&backlog->gauges))
        uv_timer_stop(&backlog->timer);
    if (gauge->search)
        hosts_forget(gauge->search);
    if (gauge->host)
        queue_host_release(gauge->host);
    if (!gauge->is_asked) /* the answer frees it otherwise */
        gauge_free(gauge);
}

static enum ct_code watch_check(const struct conn *conn, const struct hosts_want *want,
                                struct ct_error *err)
{
    enum ct_code rc = hosts_check_name(want->name, want->prefix, err);

    if (rc != CT_E_OK)
        return rc;
    if (want->dialect.len > HOSTS_NAME_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "no dialect has so long a name");
    if (conn->watch_count >= BACKLOG_WATCHES_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "this connection watches %d queues already (BACKLOG_WATCHES_MAX)",
                            BACKLOG_WATCHES_MAX);
    if (conn->conns->backlog.watch_count >= BACKLOG_ALL_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "this daemon's workers watch %d queues already (BACKLOG_ALL_MAX)",
                            BACKLOG_ALL_MAX);
    return CT_E_OK;
}

void backlog_watch(struct conn *conn, const struct proto_watch *message)
{
    const bool is_auto = !message->has_dialect || ct_str_is(message->dialect, "auto");
    const struct hosts_want want = {
        .prefix = message->has_prefix ? message->prefix : CT_STR_LIT("bull"),
        .name = message->queue,
        .dialect = is_auto ? CT_STR_NONE : message->dialect,
    };
    struct gauge *gauge = gauge_find(&conn->conns->backlog, &want);
    struct watch *watch;
    struct ct_error err;

    if (gauge && gauge_has(gauge, conn, message->has_prefix))
        return;
    if (watch_check(conn, &want, &err) != CT_E_OK) {
        ct_log_warn("queue cannot be watched", CT_INT("pid", conn->pid), CT_ERR(&err));
        return;
    }
    watch = ct_zalloc(sizeof *watch);
    watch->gauge = gauge ? gauge : gauge_new(conn->conns, &want);
    watch->conn = conn;
    watch->has_prefix = message->has_prefix;
    ct_list_push_back(&watch->gauge->watches, &watch->link);
    ct_list_push_back(&conn->watches, &watch->conn_link);
    conn->watch_count++;
    conn->conns->backlog.watch_count++;
}

void backlog_leave(struct conn *conn)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->watches) {
        struct watch *watch = CT_CONTAINER(node, struct watch, conn_link);
        struct gauge *gauge = watch->gauge;

        ct_list_remove(&watch->link);
        ct_list_remove(&watch->conn_link);
        free(watch);
        conn->watch_count--;
        conn->conns->backlog.watch_count--;
        if (ct_list_is_empty(&gauge->watches))
            gauge_end(gauge);
    }
}

void backlog_init(struct conns *conns)
{
    ct_list_init(&conns->backlog.gauges);
    uv_timer_init(conns->loop, &conns->backlog.timer);
    conns->backlog.timer.data = conns;
}
