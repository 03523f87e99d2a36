/* The runner's process. See runner.h and control.h.
 *
 * Owns the loop, the plugin, the link to the daemon and the control socket; jobs are leases.c's.
 * Happy path: settings, plugin, recorder, link, "ready"; jobs; "drain", the last ack, "bye", exit
 * 0. plugin refused             "failed WHY", exit control socket closed      exit at once,
 * whatever runs: nobody would restart or charge us daemon away                leases.c keeps what
 * it has, the client reconnects a job that does not stop   "stuck WHY", then as drain, without its
 * thread grace period over, "stop"  what runs is handed back, then exit without joining threads
 * Never outlives its supervisor (PDEATHSIG), never talks to Redis. */
#include "worker/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <uv.h>

#include "common/assert.h"
#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "proto/client.h"
#include "worker/config/user.h"
#include "worker/runner/crash.h"
#include "worker/runner/host.h"
#include "worker/runner/leases.h"
#include "worker/runner/loader.h"
#include "worker/runner/outbox.h"
#include "worker/runner/reaper.h"
#include "worker/runner/remote_dial.h"
#include "worker/runner/rlimits.h"
#include "worker/runner/runner_sandbox.h"
#include "worker/runner/threads.h"
#include "worker/sandbox/sandbox.h"
#include "worker/shared/control.h"
#include "worker/shared/recorder.h"

#define RUNNER_ACK_WAIT_MS 2000u /* for the acks of what was handed back at the very end */
#define RUNNER_FLUSH_MS    1000u /* for the last bytes to the daemon */

enum runner_state { RUNNER_WORKING, RUNNER_DRAINING, RUNNER_STOPPING, RUNNER_LEAVING };

struct runner {
    uv_loop_t loop;
    struct runner_settings settings; /* owned */
    const struct cartrita_plugin *plugin;
    void *self; /* the plugin's */
    struct recorder *recorder;
    struct outbox outbox;
    struct threads *threads;
    struct cache *cache; /* NULL: none */
    struct leases leases;
    struct proto_client *client;
    uv_pipe_t control;
    struct ct_buf control_in;
    struct remote_dial remote;
    uv_timer_t timer; /* grace period, then wait for acks */
    uv_signal_t term;
    struct reaper reaper;
    enum runner_state state;
    bool is_stuck; /* a thread will never return: leave without joining */
    bool was_up;   /* the daemon has been there */
    bool is_down_told;
};

/* Lines are small and the socket is empty but for them: a write that does not fit is lost, as the
 * supervisor would be. */
static void runner_say(const char *word, const char *text)
{
    char line[CONTROL_LINE_MAX];
    int len = snprintf(line, sizeof line, "%s%s", word, text);
    ssize_t ignored;

    if (len >= (int)sizeof line)
        len = (int)sizeof line - 1;
    for (int i = 0; i < len; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[len] = '\n';
    ignored = write(CONTROL_FD, line, (size_t)len + 1);
    (void)ignored;
}

/* --- the end -------------------------------------------------------------------------------------
 */

static void runner_tell_cache(const struct cache *cache)
{
    struct cache_counts counts;

    if (!cache)
        return;
    counts = cache_counts(cache);
    ct_log_info("result cache", CT_INT("memory", counts.memory), CT_INT("redis", counts.redis),
                CT_INT("missed", counts.missed));
}

static void runner_client_closed(void *ctx)
{
    struct runner *runner = ctx;

    runner->client = NULL;
    runner_say(CONTROL_BYE, "");
    if (runner->is_stuck)
        _exit(RUNNER_EXIT_STUCK); /* its threads are still in plugin code: nothing can be freed */
    /* Threads first: they push into the outbox. Then what they pushed, then the callbacks that the
     * plugin still waits for, and only then the plugin. */
    threads_stop(runner->threads);
    runner_tell_cache(runner->cache);
    leases_down(&runner->leases);
    outbox_drain(&runner->outbox);
    leases_close(&runner->leases);
    if (runner->plugin->close)
        runner->plugin->close(runner->self);
    outbox_close(&runner->outbox);
    uv_close((uv_handle_t *)&runner->control, NULL);
    uv_close((uv_handle_t *)&runner->timer, NULL);
    uv_close((uv_handle_t *)&runner->term, NULL);
    reaper_close(&runner->reaper);
}

static void runner_leave(struct runner *runner)
{
    struct proto_message bye = {.type = PROTO_BYE};

    if (runner->state == RUNNER_LEAVING)
        return;
    runner->state = RUNNER_LEAVING;
    uv_timer_stop(&runner->timer);
    (void)leases_send(&runner->leases, &bye);
    proto_client_close(runner->client, RUNNER_FLUSH_MS, runner_client_closed);
}

static void runner_ack_wait_over(uv_timer_t *timer)
{
    struct runner *runner = timer->data;

    runner->is_stuck = true; /* whatever it holds now, its threads are not waited for */
    runner_leave(runner);
}

static void runner_stop(struct runner *runner, const char *why)
{
    if (runner->state >= RUNNER_STOPPING)
        return;
    ct_log_warn("handing back running jobs", CT_STR("why", why),
                CT_INT("held", leases_held_count(&runner->leases)));
    runner->state = RUNNER_STOPPING;
    runner->is_stuck = true;
    leases_drain(&runner->leases);
    leases_give_up(&runner->leases);
    uv_timer_start(&runner->timer, runner_ack_wait_over, RUNNER_ACK_WAIT_MS, 0);
    leases_settle(&runner->leases);
}

static void runner_grace_over(uv_timer_t *timer)
{
    runner_stop(timer->data, "grace period over");
}

/* Drains without a time limit: the jobs have their own. */
static void runner_retire(struct runner *runner)
{
    if (runner->state != RUNNER_WORKING)
        return;
    runner->state = RUNNER_DRAINING;
    leases_drain(&runner->leases);
    leases_settle(&runner->leases);
}

static void runner_drain(struct runner *runner)
{
    runner_retire(runner);
    if (runner->state == RUNNER_DRAINING && !uv_is_active((uv_handle_t *)&runner->timer))
        uv_timer_start(&runner->timer, runner_grace_over, runner->settings.grace_ms, 0);
}

static void runner_drained(void *ctx)
{
    runner_leave(ctx);
}

static void runner_stuck(void *ctx)
{
    struct runner *runner = ctx;

    if (runner->is_stuck)
        return;
    runner->is_stuck = true;
    runner_say(CONTROL_STUCK, "a job did not stop when it was told to");
    runner_drain(runner);
}

static void runner_enough(void *ctx)
{
    runner_say(CONTROL_RECYCLE, "");
}

/* --- control socket and signals ------------------------------------------------------------------
 */

static void runner_told(struct runner *runner, struct ct_str line)
{
    if (ct_str_is(line, CONTROL_DRAIN))
        runner_drain(runner);
    else if (ct_str_is(line, CONTROL_RETIRE))
        runner_retire(runner);
    else if (ct_str_is(line, CONTROL_STOP))
        runner_stop(runner, "told to stop");
    else if (ct_str_is(line, CONTROL_PAUSE))
        leases_pause(&runner->leases, true);
    else if (ct_str_is(line, CONTROL_RESUME))
        leases_pause(&runner->leases, false);
    else
        (void)remote_dial_told(&runner->remote, line);
}

static void runner_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct runner *runner = handle->data;

    *buf = uv_buf_init(ct_buf_reserve(&runner->control_in, CONTROL_LINE_MAX), CONTROL_LINE_MAX);
}

static void runner_hear(struct runner *runner)
{
    struct ct_str text = ct_buf_str(&runner->control_in);
    const char *end;

    while ((end = memchr(text.data, '\n', text.len))) {
        size_t len = (size_t)(end - text.data);

        runner_told(runner, (struct ct_str){text.data, len});
        ct_buf_consume(&runner->control_in, len + 1);
        text = ct_buf_str(&runner->control_in);
    }
}

static void runner_control_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct runner *runner = stream->data;

    if (count < 0)
        _exit(RUNNER_EXIT_ORPHAN);
    runner->control_in.len += (size_t)count;
    runner_hear(runner);
}

static void runner_terminated(uv_signal_t *handle, int number)
{
    runner_drain(handle->data);
}

/* --- link to the daemon --------------------------------------------------------------------------
 */

static void runner_up(void *ctx, const struct proto_welcome *welcome)
{
    struct runner *runner = ctx;

    if (runner->is_down_told)
        ct_log_info("daemon is back", CT_STR("server", runner->settings.address));
    runner->is_down_told = false;
    runner->was_up = true;
    leases_up(&runner->leases, runner->client, welcome);
}

static void runner_down(void *ctx, const struct ct_error *why)
{
    struct runner *runner = ctx;

    /* A daemon that was never there is the supervisor's to tell, once and not by every runner. */
    if (runner->was_up) {
        ct_log_warn("daemon lost", CT_STR("server", runner->settings.address), CT_ERR(why),
                    CT_INT("held", leases_held_count(&runner->leases)));
        runner->is_down_told = true;
    }
    leases_down(&runner->leases);
    leases_settle(&runner->leases);
}

static void runner_refused(void *ctx, const struct ct_error *why)
{
    ct_log_error("daemon refused this runner", CT_ERR(why));
    runner_say(CONTROL_FAILED, why->detail);
    _exit(RUNNER_EXIT_FAILED);
}

static void runner_message(void *ctx, const struct proto_message *message)
{
    struct runner *runner = ctx;

    leases_message(&runner->leases, message);
}

static void runner_notes(void *ctx, struct note *notes)
{
    struct runner *runner = ctx;

    leases_notes(&runner->leases, notes);
}

static enum ct_code runner_connect(struct runner *runner, struct ct_error *err)
{
    struct proto_client_options options = {
        .loop = &runner->loop,
        .address = runner->settings.address,
        .dialler = &runner->remote.dialler,
        .hello =
            {
                .role = PROTO_ROLE_RUNNER,
                .software = CT_STR_LIT("cartrita-worker/" CARTRITA_VERSION),
                .has_worker = true,
                .worker = ct_str_of(runner->settings.worker),
                .has_runner = true,
                .runner = ct_str_of(runner->settings.runner),
                .has_pid = true,
                .pid = (uint64_t)getpid(),
            },
        .random = &ct_random_system,
        .events =
            {
                .on_up = runner_up,
                .on_down = runner_down,
                .on_refused = runner_refused,
                .on_message = runner_message,
            },
        .ctx = runner,
    };

    return proto_client_open(&options, &runner->client, err);
}

/* --- the beginning -------------------------------------------------------------------------------
 */

static enum ct_code runner_read_settings(struct runner *runner, struct ct_error *err)
{
    struct ct_buf text;
    enum ct_code rc = CT_E_OK;
    const char *end = NULL;

    ct_buf_init(&text);
    while (!end && rc == CT_E_OK) {
        char *room = ct_buf_reserve(&text, CONTROL_LINE_MAX);
        ssize_t count = read(CONTROL_FD, room, CONTROL_LINE_MAX);

        if (count > 0) {
            text.len += (size_t)count;
            end = memchr(ct_buf_data(&text), '\n', text.len);
        } else if (count == 0 || errno != EINTR) {
            rc = ct_error_set(err, CT_E_CLOSED, "no settings came over the control socket");
        }
        if (text.len > CONTROL_SETTINGS_MAX)
            rc = ct_error_set(err, CT_E_TOO_LARGE, "the runner's settings are over %u bytes",
                              CONTROL_SETTINGS_MAX);
    }
    if (rc == CT_E_OK) {
        size_t len = (size_t)(end - ct_buf_data(&text));

        rc =
            runner_settings_parse((struct ct_str){ct_buf_data(&text), len}, &runner->settings, err);
        /* What came right behind is for the loop. */
        ct_buf_append(&runner->control_in, end + 1, text.len - len - 1);
    }
    ct_buf_free(&text);
    return rc;
}

static enum ct_code runner_become_user(const struct runner_settings *settings, struct ct_error *err)
{
    pid_t supervisor = getppid();
    enum ct_code rc;

    if (!settings->is_user_other)
        return CT_E_OK;
    rc = user_become(settings->uid, settings->gid, err);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the change has taken it back */
    if (getppid() != supervisor)
        _exit(RUNNER_EXIT_ORPHAN);
    if (rc == CT_E_OK && access(settings->temp_dir, R_OK | W_OK | X_OK) != 0)
        rc = ct_error_set(err, CT_E_SYSTEM,
                          "user %.60s cannot get to its temporary files in %.100s: %s; set TMPDIR "
                          "to a folder that it may enter",
                          settings->user, settings->temp_dir, strerror(errno));
    return rc;
}

static enum ct_code runner_open_plugin(struct runner *runner, struct ct_error *err)
{
    const struct runner_settings *settings = &runner->settings;
    const struct cartrita_plugin *plugin;
    char why[CT_ERROR_DETAIL_MAX] = "";
    uint32_t batch_max;
    int file = open(settings->plugin, O_RDONLY | O_CLOEXEC); /* where its user may not get to it */
    enum ct_code rc = runner_become_user(settings, err);

    crash_watch();
    if (rc == CT_E_OK)
        rc = loader_load(settings->plugin, file, &plugin, err);
    close(file);
    if (rc != CT_E_OK)
        return rc;
    runner->plugin = plugin;
    batch_max = plugin->batch_max > 1 ? plugin->batch_max : 1;
    rc = recorder_open(RECORDER_FD, (size_t)settings->concurrency * batch_max, &runner->recorder,
                       err);
    if (rc != CT_E_OK)
        return rc;
    crash_record(runner->recorder);
    host_limit_log((uint64_t)settings->stderr_rate_kib << 10);
    rlimits_apply(settings->files_max, settings->file_size_max_mib);
    if (plugin->open && plugin->open(&host_table, settings->config, settings->concurrency,
                                     &runner->self, why, sizeof why) != 0) {
        why[sizeof why - 1] = '\0';
        return ct_error_set(err, CT_E_PLUGIN, "plugin %s %s does not open: %s", plugin->name,
                            plugin->version, why[0] ? why : "it gave no reason");
    }
    return CT_E_OK;
}

static void runner_open_parts(struct runner *runner)
{
    const struct runner_settings *settings = &runner->settings;
    struct threads_options threads = {
        .plugin = runner->plugin,
        .self = runner->self,
        .recorder = runner->recorder,
        .outbox = &runner->outbox,
        .temp_dir = settings->temp_dir,
        .concurrency = settings->concurrency,
    };
    struct leases_options leases = {
        .loop = &runner->loop,
        .plugin = runner->plugin,
        .self = runner->self,
        .queues = (const char *const *)settings->queues,
        .queue_count = settings->queue_count,
        .prefix = settings->prefix,
        .dialect = settings->dialect,
        .settings = settings->settings,
        .limits = settings->limits,
        .limit_count = settings->limit_count,
        .cancel_grace_ms = settings->cancel_grace_ms,
        .recycle_jobs = settings->recycle_jobs,
        .on_enough = runner_enough,
        .on_stuck = runner_stuck,
        .on_drained = runner_drained,
        .ctx = runner,
    };
    struct cache_options cache = {
        .plugin = runner->plugin,
        .config = settings->config,
        .bytes_max = (size_t)settings->cache_mib << 20,
        .ttl_ms = settings->cache_ttl_ms,
    };
    int rc = outbox_open(&runner->outbox, &runner->loop, runner_notes, runner);

    ct_assert(rc == 0);
    if (settings->cache_mib)
        runner->cache = cache_new(&cache);
    threads.cache = leases.cache = runner->cache;
    runner->threads = threads_new(&threads);
    leases.threads = runner->threads;
    leases_open(&runner->leases, &leases);
    uv_timer_init(&runner->loop, &runner->timer);
    runner->timer.data = runner;
    uv_signal_init(&runner->loop, &runner->term);
    runner->term.data = runner;
    uv_signal_start(&runner->term, runner_terminated, SIGTERM);
    reaper_open(&runner->reaper, &runner->loop);
    uv_pipe_init(&runner->loop, &runner->control, 1); /* sockets come through it */
    runner->control.data = runner;
    rc = uv_pipe_open(&runner->control, CONTROL_FD);
    ct_assert(rc == 0);
    remote_dial_init(&runner->remote, &runner->control, runner_say);
    uv_read_start((uv_stream_t *)&runner->control, runner_control_alloc, runner_control_read);
}

static void runner_free(struct runner *runner)
{
    threads_free(runner->threads);
    cache_free(runner->cache);
    recorder_close(runner->recorder);
    job_graves_free();
    ct_buf_free(&runner->control_in);
    runner_settings_free(&runner->settings);
    ct_assert(uv_loop_close(&runner->loop) == 0);
}

static int runner_fail(const char *word, const struct ct_error *err)
{
    runner_say(word, err->detail);
    return RUNNER_EXIT_FAILED;
}

int runner_main(pid_t supervisor)
{
    static struct runner runner; /* one a process */
    struct ct_error err;
    char said[2 * LOADER_TEXT_MAX + 2];

    prctl(PR_SET_NAME, "cartrita-runner"); /* it was started as /proc/self/exe */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It died before the line above; 0: our parent is a debugger. */
    if (supervisor != 0 && getppid() != supervisor)
        return RUNNER_EXIT_ORPHAN;
    reaper_adopt();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    /* Not for the processes that a plugin may start: they would keep the socket open. */
    fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
    fcntl(RECORDER_FD, F_SETFD, FD_CLOEXEC);
    fcntl(LOG_FD, F_SETFD, FD_CLOEXEC);
    sandbox_close_beyond(LOG_FD);
    ct_log_to(LOG_FD);
    ct_buf_init(&runner.control_in);
    if (runner_read_settings(&runner, &err) != CT_E_OK)
        return runner_fail(CONTROL_FAILED, &err);
    ct_log_setup((enum ct_log_level)runner.settings.log_level, runner.settings.name);
    if (runner_sandbox(&runner.settings, supervisor, &err) != CT_E_OK)
        return runner_fail(CONTROL_FAILED, &err);
    if (runner_open_plugin(&runner, &err) != CT_E_OK)
        return runner_fail(runner.plugin ? CONTROL_FAILED : CONTROL_UNUSABLE, &err);
    uv_loop_init(&runner.loop);
    runner_open_parts(&runner);
    snprintf(said, sizeof said, "%s %s", runner.plugin->name, runner.plugin->version);
    /* Before it asks for a connection: the supervisor ends without a question who is not ready. */
    runner_say(CONTROL_READY, said);
    if (runner_connect(&runner, &err) != CT_E_OK)
        return runner_fail(CONTROL_FAILED, &err);
    runner_hear(&runner); /* what came right behind the settings */
    uv_run(&runner.loop, UV_RUN_DEFAULT);
    runner_free(&runner);
    return EXIT_SUCCESS;
}
