/* Processes below a process. See tree.h. */
#include "worker/watch/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE_READ_BYTES (16u << 10) /* of a file of /proc at once */
#define TREE_PSS_MAX    64u         /* processes; of more the simple sum must do */

bool tree_is_known(void)
{
    return access("/proc/thread-self/children", R_OK) == 0;
}

static void tree_add(struct tree *tree, pid_t pid)
{
    if (tree->count < tree->max)
        tree->pids[tree->count++] = pid;
    else
        tree->is_cut = true;
}

/* "12 345 6789 " in pieces of any length. */
static void tree_add_list(struct tree *tree, int fd)
{
    char text[TREE_READ_BYTES];
    pid_t pid = 0;
    ssize_t count;

    while ((count = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid) {
                tree_add(tree, pid);
                pid = 0;
            }
        }
    }
}

static void tree_add_children(struct tree *tree, pid_t parent)
{
    char path[64];
    DIR *tasks;
    struct dirent *task;

    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    tasks = opendir(path);
    if (!tasks)
        return; /* it is gone */
    while (!tree->is_cut && (task = readdir(tasks))) {
        char file[280];
        int fd;

        if (task->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/children", task->d_name);
        fd = openat(dirfd(tasks), file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        tree_add_list(tree, fd);
        close(fd);
    }
    closedir(tasks);
}

static void tree_begin(struct tree *tree, size_t max)
{
    tree->count = 0;
    tree->max = max < TREE_MAX ? max : TREE_MAX;
    tree->is_cut = false;
}

void tree_read_children(struct tree *tree, pid_t parent)
{
    tree_begin(tree, TREE_MAX);
    tree_add_children(tree, parent);
}

void tree_read(struct tree *tree, pid_t root, size_t max)
{
    tree_begin(tree, max);
    tree_add_children(tree, root);
    for (size_t i = 0; i < tree->count && !tree->is_cut; i++)
        tree_add_children(tree, tree->pids[i]);
}

/* --- what they use -------------------------------------------------------------------------------
 */

/* The beginning of /proc/PID/NAME; false when the process is gone or not ours to look at. */
static bool tree_read_file(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t count;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    count = read(fd, out, size - 1);
    close(fd);
    if (count <= 0)
        return false;
    out[count] = '\0';
    return true;
}

uint64_t tree_memory_of(pid_t pid)
{
    char text[128];
    uint64_t pages = 0;

    if (!tree_read_file(pid, "statm", text, sizeof text) ||
        sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What it uses alone, and its share of what others use too; false: not ours to know. */
static bool tree_share_of(pid_t pid, uint64_t *out)
{
    char text[1024];
    const char *line;
    uint64_t kib;

    if (!tree_read_file(pid, "smaps_rollup", text, sizeof text) ||
        !(line = strstr(text, "\nPss:")) || sscanf(line, "\nPss: %" SCNu64, &kib) != 1)
        return false;
    *out = kib << 10;
    return true;
}

/* A fork shares everything at first: counted twice, it would be over a limit that it is not. A
 * runner that is not dumpable, and its forks, tell nothing to a supervisor that is not root: then a
 * fork is taken to share all that the runner has. */
static uint64_t tree_fair_memory(const struct tree *tree, pid_t root)
{
    uint64_t own = tree_memory_of(root), sum = own, share;

    if (tree_share_of(root, &share))
        sum = share;
    for (size_t i = 0; i < tree->count; i++) {
        uint64_t used = tree_memory_of(tree->pids[i]);

        if (tree_share_of(tree->pids[i], &share))
            sum += share;
        else if (used > own)
            sum += used - own;
    }
    return sum;
}

uint64_t tree_memory(const struct tree *tree, pid_t root, uint64_t enough)
{
    uint64_t sum = tree_memory_of(root);

    for (size_t i = 0; i < tree->count; i++)
        sum += tree_memory_of(tree->pids[i]);
    return sum <= enough || tree->count == 0 || tree->count > TREE_PSS_MAX
               ? sum
               : tree_fair_memory(tree, root);
}

static uint64_t tree_cpu_of(pid_t pid)
{
    char text[1024];
    const char *rest;
    uint64_t user, system, waited_user, waited_system;

    /* The name in brackets may hold anything, brackets too. */
    if (!tree_read_file(pid, "stat", text, sizeof text) || !(rest = strrchr(text, ')')) ||
        sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64,
               &user, &system, &waited_user, &waited_system) != 4)
        return 0;
    return (user + system + waited_user + waited_system) * 1000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t tree_cpu_ms(const struct tree *tree)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < tree->count; i++)
        sum += tree_cpu_of(tree->pids[i]);
    return sum;
}
