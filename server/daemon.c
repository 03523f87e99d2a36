/* The daemon. Called by main.c; owns the loop and everything on it.
 *
 *   start   listen, Redis (one of its own, if asked), links to it, turns, signals, then "ready"
 *   turn    after each round of I/O: the queues decide, the connections write; once more before
 *           the loop sleeps, for what timers brought up
 *   stop    (first signal) no new connections, no new jobs, bye to all; each connection closes
 *           when it holds nothing. After --grace the rest is handed back. When the queues have
 *           written everything they go, then the links, then the loop. A second signal ends it at
 *           once: Redis and the runners hold all that counts. */
#include "server/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/notify.h"
#include "common/secret.h"
#include "redis/embedded.h"
#include "redis/tls.h"
#include "server/conn.h"
#include "server/http/daemon_http.h"
#include "server/listener.h"

enum daemon_state { DAEMON_RUNNING, DAEMON_DRAINING, DAEMON_FLUSHING, DAEMON_CLOSING };

struct daemon {
    const struct config *config;
    uv_loop_t loop;
    enum daemon_state state;
    struct embedded *embedded; /* owned; NULL: none */
    bool embedded_is_told;     /* its address was logged */
    struct ct_redis_url url;   /* owned */
    struct hosts *hosts;       /* owned */
    struct conns *conns;       /* owned */
    struct daemon_http *http;  /* owned; NULL: none */
    struct listener **listeners;
    size_t listener_count;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t awake; /* active: there is more to do, so the loop must not sleep */
    uv_signal_t term, interrupt, hangup;
    uv_timer_t patience;
    struct ct_notify notify; /* a private daemon has nobody to notify */
    uv_timer_t alive;
};

static void daemon_check_stopped(struct daemon *daemon);

/* --- turns --- */

static void daemon_turn(struct daemon *daemon)
{
    if (daemon->state == DAEMON_CLOSING)
        return;
    hosts_turn(daemon->hosts);
    conns_turn(daemon->conns);
    if (daemon->state != DAEMON_RUNNING)
        daemon_check_stopped(daemon);
}

static void daemon_on_check(uv_check_t *check)
{
    daemon_turn(check->data);
}

static void daemon_on_awake(uv_idle_t *idle)
{
    uv_idle_stop(idle);
}

static void daemon_on_prepare(uv_prepare_t *prepare)
{
    struct daemon *daemon = prepare->data;

    daemon_turn(daemon);
    if (daemon->state != DAEMON_CLOSING &&
        (hosts_want_turn(daemon->hosts) || conns_want_turn(daemon->conns)))
        uv_idle_start(&daemon->awake, daemon_on_awake);
}

/* --- stopping --- */

static void daemon_close_handles(void *ctx)
{
    struct daemon *daemon = ctx;

    uv_close((uv_handle_t *)&daemon->prepare, NULL);
    uv_close((uv_handle_t *)&daemon->check, NULL);
    uv_close((uv_handle_t *)&daemon->awake, NULL);
    uv_close((uv_handle_t *)&daemon->term, NULL);
    uv_close((uv_handle_t *)&daemon->interrupt, NULL);
    uv_close((uv_handle_t *)&daemon->hangup, NULL);
    uv_close((uv_handle_t *)&daemon->patience, NULL);
    uv_close((uv_handle_t *)&daemon->alive, NULL);
}

static void daemon_on_hosts_closed(void *ctx)
{
    struct daemon *daemon = ctx;

    /* Last of all: the links above still wrote to it. */
    if (daemon->embedded)
        embedded_close(daemon->embedded, daemon_close_handles, daemon);
    else
        daemon_close_handles(daemon);
}

static void daemon_on_flush_late(uv_timer_t *timer)
{
    ct_log_error("Redis did not take everything in time: what is missing stays under its locks and "
                 "will be found stalled",
                 CT_INT("waited_ms", DAEMON_FLUSH_MS));
    _exit(EXIT_FAILURE);
}

/* Jobs that are still held are handed back; their runners will be told that they lost them. */
static void daemon_on_grace_over(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;

    ct_log_warn("the grace is over: handing jobs back",
                CT_INT("jobs", conns_lease_count(daemon->conns)));
    conns_end(daemon->conns);
}

static void daemon_check_stopped(struct daemon *daemon)
{
    if (daemon->state == DAEMON_DRAINING && conns_are_gone(daemon->conns)) {
        daemon->state = DAEMON_FLUSHING;
        uv_timer_start(&daemon->patience, daemon_on_flush_late, DAEMON_FLUSH_MS, 0);
    }
    if (daemon->state == DAEMON_FLUSHING && hosts_are_gone(daemon->hosts)) {
        daemon->state = DAEMON_CLOSING;
        daemon_http_close(daemon->http);
        conns_free(daemon->conns);
        hosts_close(daemon->hosts, daemon_on_hosts_closed, daemon);
    }
}

static void daemon_close_listeners(struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->listener_count; i++)
        listener_close(daemon->listeners[i], NULL, NULL);
    free(daemon->listeners);
    daemon->listeners = NULL;
    daemon->listener_count = 0;
}

static void daemon_on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    if (daemon->state != DAEMON_RUNNING) {
        ct_log_warn("second signal: ending at once", CT_INT("signal", number));
        _exit(EXIT_FAILURE);
    }
    ct_log_info("stopping", CT_INT("signal", number),
                CT_INT("jobs", conns_lease_count(daemon->conns)));
    daemon->state = DAEMON_DRAINING;
    ct_notify_stopping(&daemon->notify,
                       (uint64_t)daemon->config->flags.grace_ms + 2 * DAEMON_FLUSH_MS,
                       "stopping: workers finish or hand back what they hold");
    daemon_close_listeners(daemon);
    uv_timer_start(&daemon->patience, daemon_on_grace_over,
                   (uint64_t)daemon->config->flags.grace_ms, 0);
    daemon_http_drain(daemon->http);
    hosts_drain(daemon->hosts);
    conns_drain(daemon->conns);
}

/* --- starting --- */

static void daemon_on_accept(void *ctx, uv_stream_t *server)
{
    conns_accept(((struct daemon *)ctx)->conns, server);
}

static enum ct_code daemon_listen(struct daemon *daemon, struct ct_error *err)
{
    size_t count = config_listen_count(daemon->config);

    daemon->listeners = ct_zalloc(count * sizeof(struct listener *));
    for (size_t i = 0; i < count; i++) {
        enum ct_code rc =
            listener_open(&daemon->loop, config_listen_at(daemon->config, i), daemon_on_accept,
                          daemon, &daemon->listeners[daemon->listener_count], err);
        if (rc != CT_E_OK)
            return rc;
        daemon->listener_count++;
    }
    return CT_E_OK;
}

static void daemon_on_redis_up(void *ctx)
{
    struct daemon *daemon = ctx;

    if (daemon->embedded && !daemon->embedded_is_told)
        ct_log_info("embedded Redis is ready", CT_STR("url", embedded_public_url(daemon->embedded)),
                    CT_STR("folder", daemon->config->flags.embedded));
    daemon->embedded_is_told = true;
    if (daemon->state == DAEMON_RUNNING)
        ct_notify_status(&daemon->notify, "serving");
}

static enum ct_code daemon_read_url(struct daemon *daemon, struct ct_error *err)
{
    const struct ct_option_set *set = &daemon->config->options;
    enum ct_code rc = ct_secret_read_url(set, daemon->config->flags.redis, &daemon->url, err);

    if (rc == CT_E_OK && ct_secret_warning(set, &daemon->url))
        ct_log_warn("password on the command line",
                    CT_STR("remedy", ct_secret_warning(set, &daemon->url)));
    return rc == CT_E_OK ? redis_tls_load(&daemon->url, err) : rc;
}

static enum ct_code daemon_open_redis(struct daemon *daemon, struct ct_error *err)
{
    const struct config_flags *flags = &daemon->config->flags;
    const struct embedded_options options = {
        .loop = &daemon->loop,
        .folder = flags->embedded,
        .has_port = daemon->config->has_embedded_port,
        .port = (uint16_t)flags->embedded_port,
    };

    if (!flags->embedded)
        return daemon_read_url(daemon, err);
    enum ct_code rc = embedded_open(&options, &daemon->embedded, err);
    if (rc == CT_E_OK)
        rc = ct_redis_url_parse(embedded_url(daemon->embedded), &daemon->url, err);
    return rc;
}

static void daemon_open_parts(struct daemon *daemon)
{
    const struct hosts_options hosts_options = {
        .loop = &daemon->loop,
        .url = &daemon->url,
        .random = &ct_random_system,
        .clock = &ct_clock_system,
        .queues = daemon->config->queues,
        .queue_count = daemon->config->queue_count,
        .dialect = config_dialect(daemon->config),
        .quiet_ms = daemon->embedded ? EMBEDDED_START_MS : 0,
        .on_redis_up = daemon_on_redis_up,
        .ctx = daemon,
    };

    daemon->hosts = hosts_open(&hosts_options);
    const struct conns_options conns_options = {
        .loop = &daemon->loop,
        .hosts = daemon->hosts,
        .random = &ct_random_system,
        .clock = &ct_clock_system,
        .frame_max = (uint32_t)daemon->config->flags.frame_max,
        .is_private = daemon->config->flags.is_private,
    };
    daemon->conns = conns_new(&conns_options);
    daemon_http_begin(daemon->http, &(struct daemon_http_world){
                                        .hosts = daemon->hosts,
                                        .conns = daemon->conns,
                                        .url = &daemon->url,
                                        .server = config_listen_at(daemon->config, 0),
                                    });
}

/* Whoever started us with `nohup` wants us to outlive the terminal. */
static bool daemon_is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void daemon_on_alive(uv_timer_t *timer)
{
    ct_notify_alive(&((struct daemon *)timer->data)->notify);
}

static void daemon_start_handles(struct daemon *daemon)
{
    uv_prepare_init(&daemon->loop, &daemon->prepare);
    uv_check_init(&daemon->loop, &daemon->check);
    uv_idle_init(&daemon->loop, &daemon->awake);
    uv_signal_init(&daemon->loop, &daemon->term);
    uv_signal_init(&daemon->loop, &daemon->interrupt);
    uv_signal_init(&daemon->loop, &daemon->hangup);
    uv_timer_init(&daemon->loop, &daemon->patience);
    daemon->prepare.data = daemon->check.data = daemon->awake.data = daemon;
    daemon->term.data = daemon->interrupt.data = daemon->hangup.data = daemon;
    daemon->patience.data = daemon;
    uv_prepare_start(&daemon->prepare, daemon_on_prepare);
    uv_check_start(&daemon->check, daemon_on_check);
    uv_signal_start(&daemon->term, daemon_on_signal, SIGTERM);
    uv_signal_start(&daemon->interrupt, daemon_on_signal, SIGINT);
    uv_timer_init(&daemon->loop, &daemon->alive);
    daemon->alive.data = daemon;
    if (daemon->notify.watchdog_ms > 0)
        uv_timer_start(&daemon->alive, daemon_on_alive, 0, daemon->notify.watchdog_ms / 2);
    if (!daemon_is_ignored(SIGHUP))
        uv_signal_start(&daemon->hangup, daemon_on_signal, SIGHUP);
}

/* Whether Redis is there or not: workers may come, and an outage of Redis is none of ours. */
static void daemon_tell_ready(const struct daemon *daemon)
{
    char *url = ct_redis_url_print(&daemon->url);

    for (size_t i = 0; i < daemon->listener_count; i++)
        ct_log_info("ready", CT_STR("listen", listener_address(daemon->listeners[i])),
                    CT_STR("redis", url), CT_INT("pid", getpid()));
    free(url);
    ct_notify_ready(&daemon->notify, "listening; Redis has not answered yet");
}

static enum ct_code daemon_start(struct daemon *daemon, struct ct_error *err)
{
    enum ct_code rc = daemon_listen(daemon, err);

    if (rc == CT_E_OK)
        rc = daemon_http_open(daemon->config, &daemon->loop, &daemon->http, err);
    if (rc == CT_E_OK)
        rc = daemon_open_redis(daemon, err);
    if (rc != CT_E_OK)
        return rc;
    daemon_open_parts(daemon);
    daemon_start_handles(daemon);
    daemon_tell_ready(daemon);
    return CT_E_OK;
}

int daemon_run(const struct config *config, struct ct_error *err)
{
    struct daemon daemon = {.config = config};
    int exit_code = EXIT_SUCCESS;
    int status = uv_loop_init(&daemon.loop);

    if (status != 0) {
        ct_error_set(err, CT_E_SYSTEM, "cannot make an event loop: %s", uv_strerror(status));
        return EXIT_FAILURE;
    }
    ct_notify_open(&daemon.notify); /* takes it from the environment in any case */
    if (config->flags.is_private)
        ct_notify_close(&daemon.notify);
    if (daemon_start(&daemon, err) != CT_E_OK) {
        exit_code = EXIT_FAILURE;
        daemon_close_listeners(&daemon);
        daemon_http_close(daemon.http);
        if (daemon.embedded)
            embedded_close(daemon.embedded, NULL, NULL);
    }
    uv_run(&daemon.loop, UV_RUN_DEFAULT);
    status = uv_loop_close(&daemon.loop);
    ct_assert(status == 0);
    ct_redis_url_free(&daemon.url);
    ct_notify_close(&daemon.notify);
    if (exit_code == EXIT_SUCCESS)
        ct_log_info("stopped", CT_INT("pid", getpid()));
    return exit_code;
}
