/* Starting a runner: what it has of its own, its process, its settings. Part of slot.h. */
#include "worker/supervisor/slot_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "worker/config/trust.h"
#include "worker/runner/runner.h"
#include "worker/shared/control.h"
#include "worker/shared/recorder.h"
#include "worker/supervisor/debugger.h"
#include "worker/supervisor/environment.h"
#include "worker/supervisor/recycle.h"
#include "worker/watch/limits.h"

/* The pool's own, then those by name, which stay the pool's; fresh memory. */
static struct job_limits *slot_limits(const struct pool_config *pool, size_t *count)
{
    struct job_limits *limits = ct_alloc((pool->limit_count + 1) * sizeof *limits);

    limits[0] = (struct job_limits){
        .timeout_ms = pool->options.timeout_ms,
        .cpu_max_ms = pool->options.cpu_max_ms,
        .memory_max_mib = pool->options.memory_max_mib,
        .output_max_kib = pool->options.output_max_kib,
        .result_max_kib = pool->options.result_max_kib,
    };
    if (pool->limit_count)
        memcpy(limits + 1, pool->limits, pool->limit_count * sizeof *limits);
    *count = pool->limit_count + 1;
    return limits;
}

static void slot_send_settings(struct slot *slot)
{
    const struct pool_config *pool = slot->pool;
    char *name = ct_asprintf("%s/%u", pool->name, slot->index);
    size_t limit_count;
    struct job_limits *limits = slot_limits(pool, &limit_count);
    struct runner_settings settings = {
        .name = name,
        .address = (char *)slot->context->address,
        .worker = (char *)slot->context->worker,
        .runner = slot->runner,
        .plugin = slot->plugin_file,
        .config = pool->config,
        .prefix = (char *)pool->options.prefix,
        .dialect = pool->options.dialect < 0 ? NULL : (char *)pool_dialects[pool->options.dialect],
        .settings = pool->settings,
        .queues = pool->queues,
        .queue_count = pool->queue_count,
        .sandbox = (char **)pool->options.sandbox.items,
        .sandbox_count = pool->options.sandbox.count,
        .leaves_core = pool->options.core,
        .concurrency = (uint32_t)pool->options.concurrency,
        .limits = limits,
        .limit_count = limit_count,
        .files_max = pool->options.files_max,
        .file_size_max_mib = pool->options.file_size_max_mib,
        .cache_mib = (uint64_t)pool->options.cache_mib,
        .cache_ttl_ms = (uint64_t)pool->options.cache_ttl_ms,
        .recycle_jobs = recycle_spread(slot->context->random, (uint64_t)pool->options.recycle_jobs),
        .stderr_rate_kib = slot->has_output ? pool->options.stderr_rate_kib : 0,
        .cancel_grace_ms = slot->context->cancel_grace_ms,
        .grace_ms = slot->context->grace_ms,
        .log_level = slot->context->log_level,
        .is_user_other = pool->user.is_other,
        .uid = pool->user.uid,
        .gid = pool->user.gid,
        .user = pool->user.name,
        .temp_dir = slot->temp_dir,
    };
    char *line = runner_settings_print(&settings);

    slot_tell(slot, ct_asprintf("%s\n", line));
    free(line);
    free(limits);
    free(name);
}

/* A plugin's words are not among what a replay answers; a debugger has the terminal as it is. */
static int slot_stdout(const struct slot *slot)
{
    return slot->context->shares_output && !slot->context->debugger ? STDERR_FILENO : STDOUT_FILENO;
}

static int slot_spawn(struct slot *slot)
{
    char parent[16];
    char *args[] = {(char *)slot->context->program, "--runner", parent, slot->pool->name, NULL};
    char **environment =
        environment_runner(&slot->pool->user, slot->temp_dir, slot->context->worker);
    char **debugger_args = NULL;
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD,
         .data.fd = slot->has_output ? slot->output.child_end : slot_stdout(slot)},
        {.flags = UV_INHERIT_FD,
         .data.fd = slot->has_output ? slot->output.child_end : STDERR_FILENO},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&slot->control},
        {.flags = UV_INHERIT_FD, .data.fd = slot->recorder_fd},
        {.flags = UV_INHERIT_FD, .data.fd = slot->has_output ? slot->log.child_end : STDERR_FILENO},
    };
    uv_process_options_t options = {
        .exit_cb = slot_exited,
        /* Not by its path: that may be another version by now. */
        .file = "/proc/self/exe",
        .args = args,
        .env = environment,
        .flags = UV_PROCESS_DETACHED, /* a session of its own: Ctrl-C is for the supervisor */
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
    };
    int rc;

    _Static_assert(CONTROL_FD == 3 && RECORDER_FD == 4 && LOG_FD == 5, "places in stdio");
    snprintf(parent, sizeof parent, "%d", slot->context->debugger ? 0 : (int)getpid());
    if (slot->context->debugger) { /* it has the terminal, and is the runner's parent */
        debugger_args = debugger_argv(slot->context->debugger, args);
        options.file = debugger_args[0];
        options.args = debugger_args;
        options.flags = 0;
        stdio[0] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = STDIN_FILENO};
    }
    rc = uv_spawn(slot->context->loop, &slot->process, &options);
    free(debugger_args);
    free(environment);
    return rc;
}

static void slot_start_failed(struct slot *slot, const char *why)
{
    ct_log_error("runner cannot be started", CT_STR("pool", slot->pool->name),
                 CT_INT("slot", slot->index), CT_STR("error", why));
    slot->failures++;
    slot_note_death(slot, why);
}

/* Without it (no more files to be had) the runner's output goes where ours does. */
static void slot_open_output(struct slot *slot)
{
    uv_loop_t *loop = slot->context->loop;
    uint64_t rate = (uint64_t)slot->pool->options.stderr_rate_kib << 10;
    int error;

    slot->has_output = false;
    if (slot->context->shares_output || slot->context->debugger)
        return;
    error = output_open(&slot->log, loop, true, OUTPUT_LOG_RATE, slot);
    if (error == 0) {
        slot->handles_open += OUTPUT_HANDLES;
        error = output_open(&slot->output, loop, false, rate, slot);
        if (error == 0) {
            slot->handles_open += OUTPUT_HANDLES;
            slot->has_output = true;
            return;
        }
        output_started(&slot->log, slot->pool->name, slot->index, 0);
        output_close(&slot->log, slot_handle_closed);
    }
    ct_log_warn("output of a runner is not read", CT_STR("pool", slot->pool->name),
                CT_INT("slot", slot->index), CT_STR("error", strerror(error)));
}

/* Another try can do no better until somebody mends it: as when the runner says so itself. */
static bool slot_check_plugin(struct slot *slot)
{
    const struct trust trust = {&slot->pool->options.plugin_dirs,
                                &slot->pool->options.plugin_owners};
    struct ct_error err;

    free(slot->plugin_file); /* of a start that came no further */
    slot->plugin_file = NULL;
    if (trust_check(&trust, slot->pool->plugin, &slot->plugin_file, &err) == CT_E_OK)
        return true;
    slot->is_unusable = true;
    slot->failures++;
    slot_note_death(slot, err.detail);
    slot_complain(slot, ct_str_of(err.detail));
    slot->context->on_change(slot->context->ctx);
    return false;
}

/* What a runner has of its own before it is there. */
static bool slot_prepare(struct slot *slot)
{
    struct ct_error err;

    slot->recorder_fd = recorder_create();
    if (slot->recorder_fd < 0) {
        slot_start_failed(slot, strerror(errno));
        return false;
    }
    if (temp_root_make(slot->context->temp_root, &slot->pool->user, &slot->temp_dir, &err) !=
        CT_E_OK) {
        slot_start_failed(slot, err.detail);
        close(slot->recorder_fd);
        slot->recorder_fd = -1;
        return false;
    }
    return true;
}

static void slot_enter_cgroup(struct slot *slot)
{
    struct cgroup *cgroup = slot->context->cgroup;
    struct ct_error err;

    if (!cgroup)
        return;
    if (cgroup_make(cgroup, slot->runner, limits_memory_most(slot->pool),
                    (uint64_t)slot->pool->options.children_max, &slot->cgroup, &err) == CT_E_OK &&
        cgroup_enter(slot->cgroup, slot->process.pid, &err) == CT_E_OK)
        return;
    ct_log_warn("a runner has no control group", CT_STR("pool", slot->pool->name),
                CT_INT("slot", slot->index), CT_ERR(&err));
    slot_leave_cgroup(slot);
}

void slot_go(struct slot *slot)
{
    int rc;

    if (!slot_check_plugin(slot) || !slot_prepare(slot)) {
        slot_try_later(slot);
        return;
    }
    slot_become(slot, SLOT_STARTING, "wanted");
    slot->is_handed_back = slot->has_said_why = slot->is_unusable = slot->is_dead = false;
    slot->is_retired = false;
    slot->replace_why = NULL;
    slot->ready_ms = slot->late_before_ms = slot->recycle_at_ms = 0;
    slot->plugin[0] = slot->kill_reason[0] = '\0';
    ct_buf_clear(&slot->control_in);
    ct_uuid(slot->context->random, slot->runner);
    uv_pipe_init(slot->context->loop, &slot->control, 1); /* sockets go through it */
    dialler_open(&slot->dialler, slot->context->loop, slot->context->address, &slot->control);
    slot->handles_open = 3;
    slot_open_output(slot);
    rc = slot_spawn(slot);
    slot->control.data = slot->process.data = slot;
    if (slot->has_output) {
        int pid = rc == 0 ? slot->process.pid : 0;

        output_started(&slot->log, slot->pool->name, slot->index, pid);
        output_started(&slot->output, slot->pool->name, slot->index, pid);
    }
    if (rc != 0) {
        slot_start_failed(slot, uv_strerror(rc));
        slot_close_handles(slot);
        return;
    }
    slot_enter_cgroup(slot); /* before it hears what to do */
    uv_read_start((uv_stream_t *)&slot->control, slot_control_alloc, slot_control_read);
    slot_send_settings(slot);
    if (slot->is_paused)
        slot_tell(slot, ct_strdup(CONTROL_PAUSE "\n"));
    slot_timed(slot, slot_late, SLOT_START_MAX_MS);
}

void slot_restart_due(uv_timer_t *timer)
{
    struct slot *slot = timer->data;

    if (slot->is_wanted)
        slot_go(slot);
}
