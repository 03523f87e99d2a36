/* The private temporary directories of a supervisor's runners. One directory of the supervisor,
 * which it holds locked, and in it one of each runner, which belongs to the runner's user and goes
 * with all that it holds when the runner is gone. Owned by supervisor.c (and replay.c); slot.c
 * makes and discards.
 *
 *   ${TMPDIR:-/tmp}/cartrita-held-XXXXXX/   0711, locked while the supervisor lives (held_dir.h)
 *                                YYYYYY/   0700, a runner's TMPDIR
 *
 * What a killed supervisor has left is known by the lock that nobody holds, and removed by the next
 * one of the same user. Removing is done on libuv's threads, one directory at a time: it may take
 * long, and the loop does not wait for it. */
#ifndef WORKER_TEMP_ROOT_H
#define WORKER_TEMP_ROOT_H

#include <stdbool.h>
#include <uv.h>

#include "common/error.h"
#include "common/list.h"
#include "worker/config/user.h"
#include "worker/shared/held_dir.h"

#define TEMP_ROOT_TRIES_MAX 5u    /* to remove a directory before that is told */
#define TEMP_ROOT_RETRY_MS  1000u /* between them */

struct temp_root {
    uv_loop_t *loop;        /* borrowed */
    char *base;             /* owned; the folder for temporary files */
    struct held_dir dir;    /* ours in it */
    struct ct_list doomed;  /* to be removed... */
    struct ct_list failed;  /* ...and to be tried again after a while */
    struct doomed *current; /* owned; NULL: no work is under way */
    uv_work_t work;
    uv_timer_t retry;
    bool is_closing;
    void (*closed)(void *ctx);
    void *ctx;
};

/* Makes ours, and begins to remove what others have left, there and in `also` (may be NULL). */
enum ct_code temp_root_open(struct temp_root *root, uv_loop_t *loop, const char *also,
                            struct ct_error *err) CT_MUST_CHECK;

/* A new directory for a runner of `user`: its path, fresh memory. */
enum ct_code temp_root_make(struct temp_root *root, const struct user *user, char **out,
                            struct ct_error *err) CT_MUST_CHECK;

/* Its runner is gone. Takes `path` over; NULL: nothing. */
void temp_root_discard(struct temp_root *root, char *path);

/* Removes what is left, and ours. `closed` comes in a later turn. */
void temp_root_close(struct temp_root *root, void (*closed)(void *ctx), void *ctx);

#endif
