/* The private daemon. See private.h. */
#include "worker/supervisor/private.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/program.h"
#include "worker/supervisor/environment.h"

/* The daemon makes it, and locks it while it opens its socket: it is not the one that we hold. */
#define PRIVATE_FOLDER "daemon"

static void private_spawn(struct private_daemon *daemon);

const char *private_base(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    return runtime && runtime[0] == '/' && access(runtime, W_OK) == 0 ? runtime : "/tmp";
}

enum ct_code private_open(struct private_daemon *daemon, uv_loop_t *loop, const char *redis_url,
                          const char *log_level, struct ct_error *err)
{
    struct held_dir dir;
    enum ct_code rc = held_dir_make(private_base(), &dir, err);

    if (rc != CT_E_OK) {
        ct_error_wrap(err, "the private daemon's socket");
        return rc;
    }
    *daemon = (struct private_daemon){
        .loop = loop,
        .program = ct_program_beside(PRIVATE_PROGRAM),
        .redis_url = ct_strdup(redis_url),
        .dir = dir,
        .listen = ct_asprintf("unix:%s/" PRIVATE_FOLDER "/queued.sock", dir.path),
        .log_level = log_level,
    };
    uv_timer_init(loop, &daemon->timer);
    daemon->timer.data = daemon;
    return CT_E_OK;
}

/* --- its end -------------------------------------------------------------------------------------
 */

static void private_timer_closed(uv_handle_t *handle)
{
    struct private_daemon *daemon = handle->data;
    char *folder = ct_asprintf("%s/" PRIVATE_FOLDER, daemon->dir.path);

    /* The daemon removes its socket itself, unless it was killed. */
    (void)unlink(daemon->listen + strlen("unix:"));
    (void)rmdir(folder);
    free(folder);
    held_dir_free(&daemon->dir);
    free(daemon->program);
    explicit_bzero(daemon->redis_url, strlen(daemon->redis_url));
    free(daemon->redis_url);
    free(daemon->listen);
    daemon->closed(daemon->ctx);
}

static void private_closed_for_good(struct private_daemon *daemon)
{
    uv_close((uv_handle_t *)&daemon->timer, private_timer_closed);
}

static void private_restart_due(uv_timer_t *timer)
{
    private_spawn(timer->data);
}

static void private_restart(struct private_daemon *daemon)
{
    uint64_t delay = PRIVATE_RESTART_MIN_MS;

    for (unsigned i = 1; i < daemon->failures && delay < PRIVATE_RESTART_MAX_MS; i++)
        delay *= 2;
    if (delay > PRIVATE_RESTART_MAX_MS)
        delay = PRIVATE_RESTART_MAX_MS;
    uv_timer_start(&daemon->timer, private_restart_due, delay, 0);
}

static void private_process_closed(uv_handle_t *handle)
{
    struct private_daemon *daemon = handle->data;

    daemon->is_running = false;
    if (daemon->is_wanted)
        private_restart(daemon);
    else
        private_closed_for_good(daemon);
}

static void private_exited(uv_process_t *process, int64_t status, int number)
{
    struct private_daemon *daemon = process->data;

    if (uv_now(daemon->loop) - daemon->started_ms >= PRIVATE_HEALTHY_MS)
        daemon->failures = 0;
    daemon->failures++;
    uv_timer_stop(&daemon->timer);
    if (daemon->is_wanted && (daemon->failures & (daemon->failures - 1)) == 0)
        ct_log_error("private daemon died, starting it again", CT_INT("status", status),
                     CT_INT("signal", number), CT_INT("failures", daemon->failures));
    uv_close((uv_handle_t *)process, private_process_closed);
}

static void private_kill_due(uv_timer_t *timer)
{
    struct private_daemon *daemon = timer->data;

    (void)uv_process_kill(&daemon->process, SIGKILL);
}

void private_close(struct private_daemon *daemon, void (*closed)(void *ctx), void *ctx)
{
    daemon->closed = closed;
    daemon->ctx = ctx;
    daemon->is_wanted = false;
    uv_timer_stop(&daemon->timer);
    if (!daemon->is_running) {
        private_closed_for_good(daemon);
        return;
    }
    if (uv_process_kill(&daemon->process, SIGTERM) == 0)
        uv_timer_start(&daemon->timer, private_kill_due, PRIVATE_STOP_MS, 0);
}

/* --- its beginning -------------------------------------------------------------------------------
 */

/* Ours with its Redis, and without what is meant for us. For the caller to free. */
static char **private_environment(const struct private_daemon *daemon)
{
    static const char *const dropped[] = {"CARTRITA_CONFIG", "CARTRITA_SERVER",
                                          "NOTIFY_SOCKET",   "CREDENTIALS_DIRECTORY",
                                          "WATCHDOG_*",      NULL};
    char *added[] = {ct_asprintf("CARTRITA_REDIS_URL=%s", daemon->redis_url), NULL};
    char **list = environment_with(dropped, added);

    free(added[0]);
    return list;
}

static void private_spawn(struct private_daemon *daemon)
{
    char parent[16];
    char *args[] = {daemon->program,           "--listen", daemon->listen, "--private",
                    "--die-with-parent",       "--parent", parent,         "--log-level",
                    (char *)daemon->log_level, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    char **environment = private_environment(daemon);
    uv_process_options_t options = {
        .exit_cb = private_exited,
        .file = daemon->program,
        .args = args,
        .env = environment,
        .flags = UV_PROCESS_DETACHED, /* Ctrl-C is for us: it must outlive our runners */
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
    };
    int rc;

    snprintf(parent, sizeof parent, "%d", (int)getpid());
    rc = uv_spawn(daemon->loop, &daemon->process, &options);

    daemon->process.data = daemon;
    daemon->is_running = true;
    daemon->started_ms = uv_now(daemon->loop);
    if (rc != 0) {
        daemon->failures++;
        ct_log_error("private daemon cannot be started", CT_STR("program", daemon->program),
                     CT_STR("error", uv_strerror(rc)),
                     CT_STR("remedy", "install it beside cartrita-worker or in PATH, or use "
                                      "--server"));
        uv_close((uv_handle_t *)&daemon->process, private_process_closed);
    }
    free(environment);
}

void private_start(struct private_daemon *daemon)
{
    daemon->is_wanted = true;
    private_spawn(daemon);
}
