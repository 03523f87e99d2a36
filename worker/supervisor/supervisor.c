/* Pools of runners. See supervisor.h.
 *
 *   running ──SIGTERM, SIGINT──> draining: every slot finishes what runs ──┐
 *                                 └─ second signal: hands it back          │ all slots down
 *   last words to the daemon <─────────────────────────────────────────────┘
 *   private daemon stopped, folder removed, exit 0
 *
 * A pool whose plugin can never load ends all of it the same way, with exit 1, when it has never
 * worked: whoever started us must see it. Of a reload it only keeps the old runners.
 *
 * SIGHUP: the configuration is read again; for each slot a new runner is started, and the old one
 * is retired when all new ones are ready, so no moment is without one. */
#include "worker/supervisor/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"
#include "worker/sandbox/sandbox.h"
#include "worker/supervisor/fleet.h"
#include "worker/supervisor/generations.h"
#include "worker/supervisor/private.h"
#include "worker/supervisor/service.h"
#include "worker/supervisor/show.h"
#include "worker/supervisor/undertaker.h"
#include "worker/watch/limits.h"
#include "worker/watch/orphans.h"
#include "worker/watch/sweeper.h"

#define SUPERVISOR_LOOK_MS 1000u

struct supervisor {
    uv_loop_t loop;
    int argc;
    char *const *argv;
    char program[4096];
    char worker[CT_UUID_LEN + 1];
    char *address; /* of the daemon; owned */
    struct slot_context context;
    struct generations generations;
    struct undertaker undertaker;
    struct temp_root temp_root;
    struct private_daemon private_daemon;
    bool has_private;
    bool is_stopping;
    bool is_leaving;
    int exit_status;
    uv_signal_t term, interrupt, hangup;
    struct orphans orphans;
    struct sweeper sweeper;
    struct cgroup *cgroup; /* owned; NULL: none */
    uv_timer_t watch;      /* every LIMITS_CHECK_MS */
    uv_timer_t look;       /* every SUPERVISOR_LOOK_MS */
    struct fleet fleet;
    struct show show;
    struct service service;
    uv_idle_t tidy; /* runs once after slots have changed, outside of their callbacks */
};

static void supervisor_note_root(const struct worker_config *config)
{
    for (size_t i = 0; i < config->pool_count; i++) {
        if (config->pools[i].user.uid != 0)
            continue;
        ct_log_warn("jobs run as root: what they do, they do to the whole machine",
                    CT_STR("pool", config->pools[i].name), CT_STR("remedy", "give another --user"));
        return; /* once says it */
    }
}

/* Takes `config` over. */
static void supervisor_start(struct supervisor *supervisor, struct worker_config *config)
{
    supervisor_note_root(config);
    generations_add(&supervisor->generations, &supervisor->context, config);
}

/* --- the end -------------------------------------------------------------------------------------
 */

static void supervisor_daemon_gone(void *ctx)
{
    struct supervisor *supervisor = ctx;

    uv_close((uv_handle_t *)&supervisor->term, NULL);
    uv_close((uv_handle_t *)&supervisor->interrupt, NULL);
    uv_close((uv_handle_t *)&supervisor->hangup, NULL);
    uv_close((uv_handle_t *)&supervisor->watch, NULL);
    uv_close((uv_handle_t *)&supervisor->look, NULL);
    uv_close((uv_handle_t *)&supervisor->tidy, NULL);
    show_close(&supervisor->show);
    service_close(&supervisor->service);
    orphans_close(&supervisor->orphans);
    sweeper_close(&supervisor->sweeper);
}

static void supervisor_temp_removed(void *ctx)
{
    struct supervisor *supervisor = ctx;

    if (supervisor->has_private)
        private_close(&supervisor->private_daemon, supervisor_daemon_gone, supervisor);
    else
        supervisor_daemon_gone(supervisor);
}

static void supervisor_last_words_said(void *ctx)
{
    struct supervisor *supervisor = ctx;

    temp_root_close(&supervisor->temp_root, supervisor_temp_removed, supervisor);
}

static void supervisor_leave(struct supervisor *supervisor)
{
    if (supervisor->is_leaving)
        return;
    supervisor->is_leaving = true;
    uv_timer_stop(&supervisor->watch);
    uv_timer_stop(&supervisor->look);
    fleet_close(&supervisor->fleet);
    undertaker_close(&supervisor->undertaker, supervisor_last_words_said, supervisor);
}

/* --- what has changed ----------------------------------------------------------------------------
 */

static void supervisor_check_first_start(struct supervisor *supervisor,
                                         const struct generation *first)
{
    const struct slot *slot = generation_find_unusable(first);

    if (!slot)
        return;
    ct_log_error("stopping: a pool can never start, its plugin cannot be used",
                 CT_STR("pool", slot->pool->name), CT_STR("error", slot->complaint));
    supervisor->exit_status = EXIT_FAILURE;
    supervisor->is_stopping = true;
}

/* Whoever watches us. */
static void supervisor_tell(struct supervisor *supervisor)
{
    fleet_changed(&supervisor->fleet);
    if (supervisor->is_stopping)
        service_stopping(&supervisor->service, supervisor->context.grace_ms);
    else
        service_changed(&supervisor->service, generations_newest(&supervisor->generations));
}

/* Once a turn, outside of the slots' callbacks. */
static void supervisor_tidy(uv_idle_t *idle)
{
    struct supervisor *supervisor = idle->data;
    struct generations *generations = &supervisor->generations;

    uv_idle_stop(idle);
    if (!supervisor->is_stopping && generations->started == 1)
        supervisor_check_first_start(supervisor, generations_newest(generations));
    generations_turn(generations, supervisor->is_stopping);
    if (supervisor->is_stopping && generations_is_empty(generations))
        supervisor_leave(supervisor);
    else
        supervisor_tell(supervisor);
}

static void supervisor_changed(void *ctx)
{
    struct supervisor *supervisor = ctx;

    uv_idle_start(&supervisor->tidy, supervisor_tidy);
    orphans_sweep(&supervisor->orphans); /* a runner may be gone */
}

static void supervisor_stop(void *ctx)
{
    struct supervisor *supervisor = ctx;

    if (supervisor->is_stopping)
        return;
    ct_log_info("stopping: running jobs may finish",
                CT_INT("grace_ms", supervisor->context.grace_ms));
    supervisor->is_stopping = true;
    supervisor_changed(supervisor);
}

static void supervisor_told_to_stop(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;

    if (!supervisor->is_stopping) {
        supervisor_stop(supervisor);
        return;
    }
    ct_log_info("stopping at once: running jobs are handed back", CT_INT("signal", number));
    generations_stop(&supervisor->generations);
}

/* --- reload --------------------------------------------------------------------------------------
 */

static void supervisor_reload(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;
    struct worker_config config;
    char *check_plugin = NULL;
    struct ct_error err;

    if (supervisor->is_stopping)
        return;
    service_reloading(&supervisor->service);
    supervisor_changed(supervisor); /* that it is over is told in any case */
    if (generations_is_full(&supervisor->generations)) {
        ct_log_error("reload refused: too many earlier ones have runners whose jobs still run",
                     CT_INT("limit", GENERATIONS_ENDING_MAX));
        return;
    }
    if (config_read(supervisor->argc, supervisor->argv, &config, &check_plugin, &err) !=
        CONFIG_READY) {
        ct_log_error("reload refused, going on as before", CT_ERR(&err));
        return;
    }
    ct_log_info("configuration read again, replacing the runners",
                CT_INT("pools", config.pool_count));
    supervisor->context.grace_ms = config.grace_ms;
    supervisor->context.cancel_grace_ms = config.cancel_grace_ms;
    supervisor_start(supervisor, &config);
}

static void supervisor_watch(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;

    generations_watch(&supervisor->generations);
}

static void supervisor_look(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;

    generations_look(&supervisor->generations, uv_now(&supervisor->loop));
    orphans_sweep(&supervisor->orphans);
    if (supervisor->cgroup)
        cgroup_remove(supervisor->cgroup, NULL); /* those that were not empty */
}

/* --- what the fleet asks -------------------------------------------------------------------------
 */

static struct generation *supervisor_serving(void *ctx)
{
    return generations_serving(&((struct supervisor *)ctx)->generations);
}

static bool supervisor_is_draining(void *ctx)
{
    return ((struct supervisor *)ctx)->is_stopping;
}

/* --- the beginning -------------------------------------------------------------------------------
 */

static void supervisor_on_signal(struct supervisor *supervisor, uv_signal_t *handle,
                                 uv_signal_cb cb, int number)
{
    uv_signal_init(&supervisor->loop, handle);
    handle->data = supervisor;
    uv_signal_start(handle, cb, number);
}

/* Whether a child process is one that we started; what jobs started comes to us, too. */
static bool supervisor_is_ours(void *ctx, pid_t pid)
{
    const struct supervisor *supervisor = ctx;
    const struct private_daemon *daemon = &supervisor->private_daemon;

    if (sweeper_is(&supervisor->sweeper, pid))
        return true;
    if (supervisor->has_private && daemon->is_running && daemon->process.pid == pid)
        return true;
    return generations_has(&supervisor->generations, pid);
}

/* Before the first child: those go where we are. */
static void supervisor_open_cgroup(struct supervisor *supervisor)
{
    struct ct_error err;

    if (cgroup_open(CGROUP_MOUNT, CGROUP_SELF, getpid(), &supervisor->cgroup, &err) == CT_E_OK)
        ct_log_info("each runner has a control group", CT_STR("in", supervisor->cgroup->path));
    else
        ct_log_debug("no control groups for runners: limits are watched only", CT_ERR(&err));
}

static enum ct_code supervisor_open_daemon(struct supervisor *supervisor,
                                           const struct worker_config *config, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (config->server) {
        supervisor->address = ct_strdup(config->server);
    } else {
        if (config->redis_warning)
            ct_log_warn("password on the command line", CT_STR("remedy", config->redis_warning));
        rc = private_open(&supervisor->private_daemon, &supervisor->loop, config->redis_url,
                          config->log_level_name, err);
        if (rc != CT_E_OK)
            return rc;
        supervisor->has_private = true;
        supervisor->address = ct_strdup(supervisor->private_daemon.listen);
        private_start(&supervisor->private_daemon);
    }
    return undertaker_open(&supervisor->undertaker, &supervisor->loop, supervisor->address,
                           supervisor->worker, err);
}

static enum ct_code supervisor_open(struct supervisor *supervisor,
                                    const struct worker_config *config, struct ct_error *err)
{
    size_t size = sizeof supervisor->program;
    enum ct_code rc;

    uv_loop_init(&supervisor->loop);
    service_open(&supervisor->service, &supervisor->loop);
    generations_init(&supervisor->generations);
    ct_uuid(&ct_random_system, supervisor->worker);
    if (uv_exepath(supervisor->program, &size) != 0)
        return ct_error_set(err, CT_E_SYSTEM,
                            "the path of this program is not known: is /proc "
                            "mounted?");
    supervisor_open_cgroup(supervisor);
    orphans_open(&supervisor->orphans, &supervisor->loop, supervisor_is_ours, supervisor);
    sweeper_open(&supervisor->sweeper, &supervisor->loop, supervisor->worker);
    rc = supervisor_open_daemon(supervisor, config, err);
    supervisor->show = (struct show){
        .generations = &supervisor->generations,
        .undertaker = &supervisor->undertaker,
        .is_stopping = &supervisor->is_stopping,
    };
    if (rc == CT_E_OK)
        rc = show_open(&supervisor->show, &supervisor->loop, config, err);
    if (rc == CT_E_OK)
        rc = temp_root_open(&supervisor->temp_root, &supervisor->loop, private_base(), err);
    if (rc != CT_E_OK)
        return rc;
    supervisor->context = (struct slot_context){
        .loop = &supervisor->loop,
        .program = supervisor->program,
        .address = supervisor->address,
        .worker = supervisor->worker,
        .log_level = config->log_level,
        .grace_ms = config->grace_ms,
        .cancel_grace_ms = config->cancel_grace_ms,
        .undertaker = &supervisor->undertaker,
        .temp_root = &supervisor->temp_root,
        .cgroup = supervisor->cgroup,
        .random = &ct_random_system,
        .on_change = supervisor_changed,
        .ctx = supervisor,
    };
    supervisor_on_signal(supervisor, &supervisor->term, supervisor_told_to_stop, SIGTERM);
    supervisor_on_signal(supervisor, &supervisor->interrupt, supervisor_told_to_stop, SIGINT);
    supervisor_on_signal(supervisor, &supervisor->hangup, supervisor_reload, SIGHUP);
    uv_idle_init(&supervisor->loop, &supervisor->tidy);
    supervisor->tidy.data = supervisor;
    uv_timer_init(&supervisor->loop, &supervisor->watch);
    supervisor->watch.data = supervisor;
    uv_timer_start(&supervisor->watch, supervisor_watch, LIMITS_CHECK_MS, LIMITS_CHECK_MS);
    uv_timer_init(&supervisor->loop, &supervisor->look);
    supervisor->look.data = supervisor;
    uv_timer_start(&supervisor->look, supervisor_look, SUPERVISOR_LOOK_MS, SUPERVISOR_LOOK_MS);
    fleet_open(&supervisor->fleet, &(struct fleet_options){
                                       .loop = &supervisor->loop,
                                       .undertaker = &supervisor->undertaker,
                                       .worker = supervisor->worker,
                                       .serving = supervisor_serving,
                                       .is_draining = supervisor_is_draining,
                                       .drain = supervisor_stop,
                                       .ctx = supervisor,
                                   });
    return CT_E_OK;
}

/* Once, and not by every runner. */
static void supervisor_tell_sandbox(void)
{
    struct sandbox_support support;
    char lacks[SANDBOX_TEXT_MAX];

    sandbox_probe(&support);
    if (sandbox_lacks(&support, lacks, sizeof lacks))
        ct_log_warn("a part of the sandbox is not in force", CT_STR("kernel_lacks", lacks));
}

int supervisor_main(struct worker_config *config, int argc, char *const *argv)
{
    static struct supervisor supervisor; /* one a process */
    struct ct_error err;

    supervisor.argc = argc;
    supervisor.argv = argv;
    if (supervisor_open(&supervisor, config, &err) != CT_E_OK) {
        ct_log_error("worker cannot start", CT_ERR(&err));
        config_free(config);
        return EXIT_FAILURE; /* a private daemon dies with us */
    }
    ct_log_info("worker started", CT_STR("server", supervisor.address),
                CT_INT("pools", config->pool_count), CT_STR("version", CARTRITA_VERSION));
    supervisor_tell_sandbox();
    supervisor_start(&supervisor, config);
    uv_run(&supervisor.loop, UV_RUN_DEFAULT);
    orphans_finish(&supervisor.orphans);
    cgroup_close(supervisor.cgroup);
    ct_assert(uv_loop_close(&supervisor.loop) == 0);
    free(supervisor.address);
    ct_log_info("worker stopped", CT_STR("version", CARTRITA_VERSION));
    return supervisor.exit_status;
}
