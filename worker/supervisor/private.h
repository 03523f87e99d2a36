/* The private daemon: when a worker is given Redis instead of a daemon, its supervisor runs one as
 * its child, on a socket that nobody else can reach. It is restarted with backoff, dies with the
 * supervisor, and is stopped after the last runner.
 *
 * Owned by supervisor.c. Nobody waits for it: the clients of its socket reconnect until it answers.
 */
#ifndef WORKER_PRIVATE_H
#define WORKER_PRIVATE_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "worker/shared/held_dir.h"

#define PRIVATE_RESTART_MIN_MS 50u
#define PRIVATE_RESTART_MAX_MS 5000u
#define PRIVATE_HEALTHY_MS     5000u
#define PRIVATE_STOP_MS        10000u /* from TERM to KILL */
#define PRIVATE_PROGRAM        "cartrita-queued"

struct private_daemon {
    uv_loop_t *loop;
    char *program;   /* owned */
    char *redis_url; /* owned; goes into the daemon's environment, not on its command line */
    struct held_dir dir;
    char *listen; /* owned; "unix:DIR/daemon/queued.sock" */
    const char *log_level;
    uv_process_t process;
    uv_timer_t timer;
    bool is_running; /* the process exists */
    bool is_wanted;
    unsigned failures; /* in a row */
    uint64_t started_ms;
    void (*closed)(void *ctx);
    void *ctx;
};

/* Where its folder is made: $XDG_RUNTIME_DIR, else /tmp. Static or the environment's. */
const char *private_base(void);

/* Makes its folder and finds its program beside our own or in PATH; does not start it yet. */
enum ct_code private_open(struct private_daemon *daemon, uv_loop_t *loop, const char *redis_url,
                          const char *log_level, struct ct_error *err) CT_MUST_CHECK;
void private_start(struct private_daemon *daemon);
/* Ends it; `closed` is called when it is gone and its folder removed. */
void private_close(struct private_daemon *daemon, void (*closed)(void *ctx), void *ctx);

#endif
