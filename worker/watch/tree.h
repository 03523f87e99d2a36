/* The processes below one process, as /proc tells, and what they use. Read by the supervisor (its
 * limits, limits.c; what dead runners left, orphans.c) and by a runner of itself (reaper.c).
 *
 * Processes come and go while it is read: what is found is a snapshot that may be old already, and
 * whoever must be sure looks again. Needs a kernel with /proc/PID/task/TID/children; without it
 * nothing is found. */
#ifndef WORKER_TREE_H
#define WORKER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_MAX 8192u /* processes */

struct tree {
    pid_t pids[TREE_MAX];
    size_t count, max;
    bool is_cut; /* there are more than `max` */
};

/* Whether this kernel can tell. */
bool tree_is_known(void);
/* The children of `parent`, of all its threads. */
void tree_read_children(struct tree *tree, pid_t parent);
/* The descendants of `root`, each behind its parent, and no more than `max` (at most TREE_MAX) of
 * them; `root` itself is not among them. */
void tree_read(struct tree *tree, pid_t root, size_t max);

/* Resident bytes of one process; 0 when it cannot be told. */
uint64_t tree_memory_of(pid_t pid);
/* Resident bytes of `root` and of `tree`, its descendants. What several of them share counts once
 * when the sum is over `enough`; below it is not worth the effort. */
uint64_t tree_memory(const struct tree *tree, pid_t root, uint64_t enough);
/* CPU time that the processes of `tree` and the children they waited for have used. */
uint64_t tree_cpu_ms(const struct tree *tree);

#endif
