/* Where the system gives us a part of its control groups (version 2, with memory and pids: a
 * systemd service with Delegate=yes, a container with a writable /sys/fs/cgroup), each runner has a
 * group of its own. There the kernel itself stops what grows faster than anybody looks, and all of
 * it ends at one word. The watchdog (limits.c) is the first to act everywhere: the group's limits
 * are a little above its own. Without such a part there is only the watchdog.
 *
 *   OURS/             what the system gave us; nobody but us may be in it
 *     supervisor/     where we move to: a group with processes of its own has no controlled
 * children runner-NAME/    one a runner: memory.max, pids.max
 *
 * Opened by supervisor.c; slot.c puts its runner in and takes it out. These are files of the
 * kernel, a few bytes each, and never wait for a disk. */
#ifndef WORKER_CGROUP_H
#define WORKER_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define CGROUP_MOUNT        "/sys/fs/cgroup"
#define CGROUP_SELF         "/proc/self/cgroup"
#define CGROUP_MEMORY_MORE  8u          /* an eighth of memory-max more, ... */
#define CGROUP_MEMORY_LEAST (32u << 20) /* ...and at least so much, is the kernel's limit */
#define CGROUP_TASKS        32u         /* threads of one child, on the average */
#define CGROUP_TASKS_LEAST  256u        /* and for the runner's own */
#define CGROUP_LEFT_MAX     64u         /* groups that are still to be removed */

struct cgroup {
    char *path;                  /* owned; OURS */
    char *left[CGROUP_LEFT_MAX]; /* owned; not empty yet when their runner ended */
    size_t left_count;
};

/* NULL in *out, and why in err, when there is no part for us; `mount` and `self` are as above but
 * in tests. */
enum ct_code cgroup_open(const char *mount, const char *self, pid_t pid, struct cgroup **out,
                         struct ct_error *err) CT_MUST_CHECK;
void cgroup_close(
    struct cgroup *cgroup); /* NULL is fine; its directories stay, they are the system's */

/* A group for a runner; 0: no such limit. Its path is fresh memory for cgroup_remove. */
enum ct_code cgroup_make(struct cgroup *cgroup, const char *name, uint64_t memory_max_bytes,
                         uint64_t children_max, char **out, struct ct_error *err) CT_MUST_CHECK;
enum ct_code cgroup_enter(const char *path, pid_t pid, struct ct_error *err) CT_MUST_CHECK;
/* Kills all that is in it. */
void cgroup_kill(const char *path);
/* Whether the kernel has killed in it for want of memory. */
bool cgroup_was_oom(const char *path);
/* Removes it now or, while something in it is still ending, at a later call. Takes `path` over;
 * NULL: only what was left. */
void cgroup_remove(struct cgroup *cgroup, char *path);

#endif
