/* One runner's place. See slot.h and control.h. */
#include "worker/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/control.h"
#include "worker/debugger.h"
#include "worker/environment.h"
#include "worker/limits.h"
#include "worker/recorder.h"
#include "worker/recycle.h"
#include "worker/runner.h"
#include "worker/temp_watch.h"
#include "worker/trust.h"

#define TO(state) (1u << SLOT_##state)
static const struct {
    const char *name;
    unsigned moves;
} slot_states[] = {
    [SLOT_DOWN] = {"down", TO(STARTING)},
    [SLOT_STARTING] = {"starting", TO(READY) | TO(DYING) | TO(DOWN)},
    [SLOT_READY] = {"ready", TO(DRAINING) | TO(DYING) | TO(DOWN)},
    [SLOT_DRAINING] = {"draining", TO(DYING) | TO(DOWN)},
    [SLOT_DYING] = {"dying", TO(DOWN)},
};

static void slot_become(struct slot *slot, enum slot_state next, const char *why)
{
    ct_assert(slot_states[slot->state].moves & (1u << next));
    ct_log_debug("slot moves", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                 CT_STR("to", slot_states[next].name), CT_STR("why", why));
    slot->state = next;
    slot->since_ms = uv_now(slot->context->loop);
    uv_timer_stop(&slot->timer);
    slot->context->on_change(slot->context->ctx);
}

const char *slot_state_name(const struct slot *slot)
{
    return slot_states[slot->state].name;
}

bool slot_is_looping(const struct slot *slot)
{
    bool is_well = slot->state == SLOT_READY &&
                   uv_now(slot->context->loop) - slot->since_ms >= SLOT_HEALTHY_MS;

    return slot->is_wanted && slot->failures >= SLOT_CRASH_LOOP && !is_well;
}

static void slot_timed(struct slot *slot, uv_timer_cb cb, uint64_t ms)
{
    uv_timer_start(&slot->timer, cb, ms, 0);
}

/* --- ending it -----------------------------------------------------------------------------------
 */

static void slot_signal(struct slot *slot, int number)
{
    if (slot->is_dead)
        return;
    /* The whole group, for what a plugin may have started. */
    (void)kill(-slot->process.pid, number);
}

static void slot_kill_due(uv_timer_t *timer)
{
    slot_signal(timer->data, SIGKILL);
}

static void slot_end(struct slot *slot, const char *reason, int number)
{
    if (slot->state == SLOT_DOWN || slot->state == SLOT_DYING)
        return;
    ct_log_warn("ending a runner", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                CT_INT("pid", slot->process.pid), CT_STR("why", reason));
    snprintf(slot->kill_reason, sizeof slot->kill_reason, "%s", reason);
    slot_become(slot, SLOT_DYING, reason);
    slot_signal(slot, number);
    slot_timed(slot, slot_kill_due, SLOT_KILL_MS);
}

void slot_kill(struct slot *slot, const char *reason)
{
    slot_end(slot, reason, SIGTERM);
}

void slot_kill_now(struct slot *slot, const char *reason)
{
    slot_end(slot, reason, SIGKILL);
}

void slot_kill_late(struct slot *slot, const char *reason, uint64_t before_ms)
{
    if (slot->state == SLOT_DOWN || slot->state == SLOT_DYING)
        return;
    slot->late_before_ms = before_ms;
    slot_kill(slot, reason);
}

static void slot_late(uv_timer_t *timer)
{
    struct slot *slot = timer->data;

    slot_kill(slot, slot->state == SLOT_STARTING ? "it took too long to start"
                                                 : "it did not end in time");
}

static void slot_written(uv_write_t *request, int status)
{
    free(request->data);
    free(request);
}

/* Takes over `text`. */
static void slot_tell(struct slot *slot, char *text)
{
    uv_write_t *request = ct_zalloc(sizeof *request);
    uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));

    request->data = text;
    if (uv_write(request, (uv_stream_t *)&slot->control, &buf, 1, slot_written) != 0)
        slot_written(request, 0); /* it is dying: the exit callback comes */
}

static void slot_start_drain(struct slot *slot, const char *why)
{
    slot_become(slot, SLOT_DRAINING, why);
    slot_timed(slot, slot_late, slot->context->grace_ms + SLOT_DRAIN_EXTRA_MS);
}

/* From now on it has the grace period, too. */
static void slot_hurry_retired(struct slot *slot)
{
    if (slot->state != SLOT_DRAINING || !slot->is_retired)
        return;
    slot->is_retired = false;
    slot_timed(slot, slot_late, slot->context->grace_ms + SLOT_DRAIN_EXTRA_MS);
}

void slot_drain(struct slot *slot)
{
    slot->is_wanted = false;
    switch (slot->state) {
    case SLOT_DOWN:
        uv_timer_stop(&slot->timer);
        break;
    case SLOT_STARTING:
        slot_kill(slot, "stopped before it was ready"); /* it holds no job */
        break;
    case SLOT_READY:
        slot_tell(slot, ct_strdup(CONTROL_DRAIN "\n"));
        slot_start_drain(slot, "told to drain");
        break;
    case SLOT_DRAINING:
        if (slot->is_retired)
            slot_tell(slot, ct_strdup(CONTROL_DRAIN "\n"));
        slot_hurry_retired(slot);
        break;
    case SLOT_DYING:
        break;
    }
}

void slot_retire(struct slot *slot)
{
    if (slot->state != SLOT_READY) {
        slot_drain(slot);
        return;
    }
    slot->is_wanted = false;
    slot->is_retired = true;
    slot_tell(slot, ct_strdup(CONTROL_RETIRE "\n"));
    slot_become(slot, SLOT_DRAINING, "another has taken its place"); /* its jobs' limits end it */
}

void slot_replace(struct slot *slot, const char *why)
{
    if (slot->replace_why || !slot->is_wanted)
        return;
    slot->replace_why = why;
    slot->context->on_change(slot->context->ctx);
}

void slot_renew(struct slot *slot, const char *why)
{
    if (!slot->is_wanted)
        return;
    slot->failures = 0;
    if (slot->state == SLOT_DOWN)
        slot_start(slot);
    else
        slot_replace(slot, why);
}

void slot_pause(struct slot *slot, bool is_paused)
{
    if (slot->is_paused == is_paused)
        return;
    slot->is_paused = is_paused;
    if (slot->state == SLOT_STARTING || slot->state == SLOT_READY)
        slot_tell(slot, ct_asprintf("%s\n", is_paused ? CONTROL_PAUSE : CONTROL_RESUME));
}

void slot_stop(struct slot *slot)
{
    slot_drain(slot);
    if (slot->state != SLOT_DRAINING)
        return;
    slot_tell(slot, ct_strdup(CONTROL_STOP "\n"));
    slot_timed(slot, slot_late, SLOT_STOP_EXTRA_MS);
}

bool slot_is_alive(const struct slot *slot)
{
    return slot->state != SLOT_DOWN && !slot->is_dead;
}

/* --- what it says --------------------------------------------------------------------------------
 */

static void slot_complain(struct slot *slot, struct ct_str text)
{
    char complaint[sizeof slot->complaint];

    snprintf(complaint, sizeof complaint, "%.*s", (int)text.len, text.data);
    if (slot->is_complaint_told && strcmp(complaint, slot->complaint) == 0)
        return; /* once is enough for a reason that stays the same */
    memcpy(slot->complaint, complaint, sizeof complaint);
    slot->is_complaint_told = true;
    ct_log_error("runner cannot start", CT_STR("pool", slot->pool->name),
                 CT_INT("slot", slot->index), CT_STR("error", complaint));
}

/* One of its threads is lost: its other jobs may finish, and another runner takes its place. */
static void slot_stuck(struct slot *slot)
{
    slot->is_wanted = false;
    if (slot->state == SLOT_READY)
        slot_start_drain(slot, "a job does not stop");
    else
        slot_hurry_retired(slot);
}

static void slot_heard(struct slot *slot, struct ct_str line)
{
    if (ct_str_skip(&line, CONTROL_READY)) {
        snprintf(slot->plugin, sizeof slot->plugin, "%.*s", (int)line.len, line.data);
        if (slot->state != SLOT_STARTING)
            return;
        slot_become(slot, SLOT_READY, "it said so");
        slot->ready_ms = slot->since_ms;
        slot->was_ready = true;
        slot->is_complaint_told = false;
        ct_log_info("runner ready", CT_STR("pool", slot->pool->name), CT_INT("slot", slot->index),
                    CT_INT("pid", slot->process.pid), CT_STR("plugin", slot->plugin));
    } else if (ct_str_skip(&line, CONTROL_FAILED)) {
        slot->has_said_why = true;
        slot_complain(slot, line);
    } else if (ct_str_skip(&line, CONTROL_UNUSABLE)) {
        slot->has_said_why = slot->is_unusable = true;
        slot_complain(slot, line);
    } else if (ct_str_skip(&line, CONTROL_STUCK)) {
        slot_stuck(slot);
    } else if (ct_str_skip(&line, CONTROL_RECYCLE)) {
        slot_replace(slot, "it has run enough jobs (recycle-jobs)");
    } else if (ct_str_skip(&line, CONTROL_BYE)) {
        slot->is_handed_back = true;
    } else if (ct_str_skip(&line, CONTROL_DIAL) && !slot->is_dead) {
        dialler_ask(&slot->dialler, line);
    }
}

static void slot_hear(struct slot *slot)
{
    struct ct_str text = ct_buf_str(&slot->control_in);
    const char *end;

    while ((end = memchr(text.data, '\n', text.len))) {
        size_t len = (size_t)(end - text.data);

        slot_heard(slot, (struct ct_str){text.data, len});
        ct_buf_consume(&slot->control_in, len + 1);
        text = ct_buf_str(&slot->control_in);
    }
    if (text.len > CONTROL_LINE_MAX) /* no line of ours: noise */
        ct_buf_clear(&slot->control_in);
}

static void slot_control_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct slot *slot = handle->data;

    *buf = uv_buf_init(ct_buf_reserve(&slot->control_in, CONTROL_LINE_MAX), CONTROL_LINE_MAX);
}

static void slot_control_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct slot *slot = stream->data;

    if (count < 0) {
        uv_read_stop(stream); /* the exit callback tells the rest */
        return;
    }
    if (uv_pipe_pending_count(&slot->control) > 0) { /* they would pile up */
        uv_read_stop(stream);
        slot_kill(slot, "it sent its supervisor a file descriptor");
        return;
    }
    slot->control_in.len += (size_t)count;
    slot_hear(slot);
}

/* --- its death -----------------------------------------------------------------------------------
 */

static void slot_restart_due(uv_timer_t *timer);

static uint64_t slot_restart_delay(const struct slot *slot)
{
    uint64_t delay = SLOT_RESTART_MIN_MS;

    /* A runner that worked and died is replaced at once; only if that goes on we wait. */
    if (slot->failures <= 1)
        return slot->ready_ms ? 0 : SLOT_RESTART_MIN_MS;
    for (uint32_t i = 1; i < slot->failures && delay < SLOT_RESTART_MAX_MS; i++)
        delay *= 2;
    return delay < SLOT_RESTART_MAX_MS ? delay : SLOT_RESTART_MAX_MS;
}

static void slot_try_later(struct slot *slot)
{
    uint64_t delay = slot_restart_delay(slot);

    /* The 2nd, 4th, 8th, ... time. */
    if (slot->failures > 1 && (slot->failures & (slot->failures - 1)) == 0)
        ct_log_warn("runner will be started again", CT_STR("pool", slot->pool->name),
                    CT_INT("slot", slot->index), CT_INT("failures", slot->failures),
                    CT_INT("in_ms", delay));
    slot_timed(slot, slot_restart_due, delay);
}

static void slot_down(struct slot *slot)
{
    slot_become(slot, SLOT_DOWN, "its process is gone");
    if (slot->is_wanted)
        slot_try_later(slot);
}

static void slot_release(struct slot *slot)
{
    ct_assert(slot->handles_open > 0);
    if (--slot->handles_open == 0)
        slot_down(slot);
}

static void slot_handle_closed(uv_handle_t *handle)
{
    slot_release(handle->data);
}

static void slot_dialler_closed(struct dialler *dialler)
{
    slot_release(CT_CONTAINER(dialler, struct slot, dialler));
}

static void slot_close_handles(struct slot *slot)
{
    slot->is_dead = true;
    close(slot->recorder_fd);
    slot->recorder_fd = -1;
    temp_watch_forget(slot);
    temp_root_discard(slot->context->temp_root, slot->temp_dir);
    slot->temp_dir = NULL;
    free(slot->plugin_file);
    slot->plugin_file = NULL;
    if (slot->has_output) {
        output_close(&slot->output, slot_handle_closed);
        output_close(&slot->log, slot_handle_closed);
    }
    uv_close((uv_handle_t *)&slot->process, slot_handle_closed);
    uv_close((uv_handle_t *)&slot->control, slot_handle_closed);
    dialler_close(&slot->dialler, slot_dialler_closed);
}

/* The last words may still be in the socket: all that it wrote is there by now. */
static void slot_read_last_words(struct slot *slot)
{
    uv_os_fd_t fd;
    ssize_t count;

    if (uv_fileno((uv_handle_t *)&slot->control, &fd) != 0)
        return;
    do {
        char *room = ct_buf_reserve(&slot->control_in, CONTROL_LINE_MAX);

        count = read(fd, room, CONTROL_LINE_MAX);
        if (count > 0) {
            slot->control_in.len += (size_t)count;
            slot_hear(slot);
        }
    } while (count > 0);
}

/* The last look at its group: the kernel may have been quicker than limits.c. */
static void slot_leave_cgroup(struct slot *slot)
{
    if (!slot->cgroup)
        return;
    if (!slot->kill_reason[0] && cgroup_was_oom(slot->cgroup))
        snprintf(slot->kill_reason, sizeof slot->kill_reason,
                 "killed by the kernel above %" PRIu64 " MiB of memory (memory-max)",
                 limits_memory_most(slot->pool) >> 20);
    cgroup_kill(slot->cgroup);
    cgroup_remove(slot->context->cgroup, slot->cgroup);
    slot->cgroup = NULL;
}

static void slot_exited(uv_process_t *process, int64_t status, int number)
{
    struct slot *slot = process->data;
    bool has_failed;

    slot_read_last_words(slot);
    slot_signal(slot, SIGKILL); /* what is left of its group */
    slot_leave_cgroup(slot);
    if (slot->has_output) {
        output_finish(&slot->log);
        output_finish(&slot->output);
    }
    has_failed = !slot->is_handed_back || slot->state == SLOT_STARTING;
    if (slot->ready_ms && uv_now(slot->context->loop) - slot->ready_ms >= SLOT_HEALTHY_MS)
        slot->failures = 0;
    if (has_failed)
        slot->failures++;
    slot_report(slot, status, number);
    slot_close_handles(slot);
}

/* --- its birth -----------------------------------------------------------------------------------
 */

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

static void slot_go(struct slot *slot)
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

static void slot_restart_due(uv_timer_t *timer)
{
    struct slot *slot = timer->data;

    if (slot->is_wanted)
        slot_go(slot);
}

void slot_init(struct slot *slot, const struct slot_context *context,
               const struct pool_config *pool, uint32_t index)
{
    *slot = (struct slot){.context = context, .pool = pool, .index = index, .recorder_fd = -1};
    uv_timer_init(context->loop, &slot->timer);
    slot->timer.data = slot;
}

static void slot_timer_closed(uv_handle_t *handle)
{
    struct slot *slot = handle->data;

    free(slot->plugin_file);
    ct_buf_free(&slot->control_in);
    slot->closed(slot->closed_ctx);
}

void slot_close(struct slot *slot, void (*closed)(void *ctx), void *ctx)
{
    ct_assert(slot->state == SLOT_DOWN);
    ct_assert(!slot->is_wanted);
    slot->closed = closed;
    slot->closed_ctx = ctx;
    uv_close((uv_handle_t *)&slot->timer, slot_timer_closed);
}

void slot_start(struct slot *slot)
{
    slot->is_wanted = true;
    if (slot->state == SLOT_DOWN)
        slot_go(slot);
}
