/* What dead runners leave behind. See orphans.h. */
#include "worker/watch/orphans.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

static bool orphans_was_earlier(const struct orphans *orphans, pid_t pid)
{
    for (size_t i = 0; i < orphans->earlier_count; i++)
        if (orphans->earlier[i] == pid)
            return true;
    return false;
}

/* One by one from the top: who is gone cannot start another in the place of a killed child. A child
 * of ours keeps its number until we reap it, so no stranger is hit. What is left of a large tree
 * comes to us by itself. */
static void orphans_kill(struct orphans *orphans, pid_t pid)
{
    (void)kill(pid, SIGKILL);
    tree_read(&orphans->tree, pid, ORPHANS_BELOW_MAX);
    for (size_t i = 0; i < orphans->tree.count; i++)
        (void)kill(orphans->tree.pids[i], SIGKILL);
    orphans->killed += 1 + orphans->tree.count;
}

/* One round. Returns how many it found alive. */
static size_t orphans_round(struct orphans *orphans)
{
    size_t found = 0;

    tree_read_children(&orphans->children, getpid());
    for (size_t i = 0; i < orphans->children.count; i++) {
        pid_t pid = orphans->children.pids[i];

        if (orphans->is_ours(orphans->ctx, pid) || orphans_was_earlier(orphans, pid) ||
            waitpid(pid, NULL, WNOHANG) != 0)
            continue;
        found++;
        orphans->last = pid;
        orphans_kill(orphans, pid);
    }
    return found;
}

/* Some rounds: what a killed process had started comes to us the moment it is gone. True: none was
 * left in the last of them. */
static bool orphans_work(struct orphans *orphans)
{
    for (unsigned i = 0; i < ORPHANS_ROUNDS; i++)
        if (orphans_round(orphans) == 0)
            return true;
    return false;
}

static void orphans_none_left(struct orphans *orphans)
{
    if (orphans->killed)
        ct_log_warn("ended what a runner had left behind", CT_INT("processes", orphans->killed));
    orphans->since_ms = 0;
    orphans->killed = 0;
    orphans->is_told = false;
}

static void orphans_due(uv_timer_t *timer)
{
    struct orphans *orphans = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    bool is_hard;

    if (orphans_work(orphans)) {
        orphans_none_left(orphans);
        return;
    }
    if (orphans->since_ms == 0)
        orphans->since_ms = now_ms ? now_ms : 1;
    is_hard = now_ms - orphans->since_ms >= ORPHANS_PATIENCE_MS;
    if (is_hard && !orphans->is_told) {
        orphans->is_told = true;
        ct_log_error("a process that a runner left behind does not end",
                     CT_INT("pid", orphans->last));
    }
    uv_timer_start(timer, orphans_due, is_hard ? ORPHANS_SLOW_MS : ORPHANS_AGAIN_MS, 0);
}

void orphans_sweep(struct orphans *orphans)
{
    /* Not now: a runner may just be starting, and its slot not yet be where is_ours looks. */
    if (!uv_is_active((uv_handle_t *)&orphans->timer))
        uv_timer_start(&orphans->timer, orphans_due, 0, 0);
}

void orphans_finish(struct orphans *orphans)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};

    for (unsigned waited_ms = 0; waited_ms < ORPHANS_PATIENCE_MS; waited_ms += 2) {
        if (orphans_work(orphans))
            break;
        nanosleep(&pause, NULL);
    }
}

void orphans_open(struct orphans *orphans, uv_loop_t *loop, bool (*is_ours)(void *ctx, pid_t pid),
                  void *ctx)
{
    orphans->is_ours = is_ours;
    orphans->ctx = ctx;
    uv_timer_init(loop, &orphans->timer);
    orphans->timer.data = orphans;
    tree_read_children(&orphans->children, getpid());
    orphans->earlier_count = orphans->children.count < ORPHANS_EARLIER_MAX ? orphans->children.count
                                                                           : ORPHANS_EARLIER_MAX;
    memcpy(orphans->earlier, orphans->children.pids,
           orphans->earlier_count * sizeof *orphans->earlier);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || !tree_is_known())
        ct_log_warn("what a job starts and leaves behind is not found on this kernel",
                    CT_STR("missing", "/proc/PID/task/TID/children"));
}

void orphans_close(struct orphans *orphans)
{
    uv_close((uv_handle_t *)&orphans->timer, NULL);
}
