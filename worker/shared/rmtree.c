/* Removing what a job has left. See rmtree.h.
 *
 * Depth first, by descriptors: each directory is opened below its parent's descriptor without
 * following a link, emptied, and removed by its name there. A name that leads elsewhere by then
 * leads to an error. A directory below RMTREE_DEPTH_MAX levels is moved to the top of the tree and
 * met again there, so depth costs time and not descriptors.
 *
 * Obstacles: a directory without permissions (its owner gives them back), one that somebody still
 * fills (a bounded number of passes), a mount or an immutable file (told, and the rest removed). */
#include "worker/shared/rmtree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rmtree {
    int top;        /* borrowed; the directory that all of it is in */
    unsigned moves; /* directories moved there */
    bool has_failed;
    struct ct_error first;
};

static void rmtree_empty(struct rmtree *tree, int fd, unsigned depth);

static void rmtree_note(struct rmtree *tree, const char *doing, const char *name)
{
    if (tree->has_failed)
        return;
    tree->has_failed = true;
    ct_error_set(&tree->first, CT_E_SYSTEM, "%s %.100s: %s", doing, name, strerror(errno));
}

/* Gives the owner of a directory its permissions back, through a descriptor that needs none. */
static void rmtree_permit(int parent, const char *name)
{
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char self[64];

    if (fd < 0)
        return;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    (void)chmod(self, S_IRWXU);
    close(fd);
}

/* With all that is needed to empty it. -1: errno says why; ENOTDIR also for a link. */
static int rmtree_open(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags);
    struct stat status;

    if (fd < 0 && errno == EACCES) {
        rmtree_permit(parent, name);
        fd = openat(parent, name, flags);
    }
    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmod(fd, S_IRWXU);
    return fd;
}

/* Moves a directory that lies too deep to the top. */
static bool rmtree_hoist(struct rmtree *tree, int parent, const char *name)
{
    char moved[40];

    rmtree_permit(parent, name); /* to move a directory is to write to it */
    while (tree->moves < RMTREE_MOVES_MAX) {
        snprintf(moved, sizeof moved, ".deep-%u", tree->moves++);
        if (renameat(parent, name, tree->top, moved) == 0)
            return true;
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            break;
    }
    rmtree_note(tree, "moving up", name);
    return false;
}

static bool rmtree_directory(struct rmtree *tree, int parent, const char *name, unsigned depth)
{
    int fd;

    if (depth > RMTREE_DEPTH_MAX)
        return rmtree_hoist(tree, parent, name);
    fd = rmtree_open(parent, name);
    if (fd >= 0)
        rmtree_empty(tree, fd, depth);
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    rmtree_note(tree, "removing", name);
    return false;
}

/* False: it is still there. */
static bool rmtree_entry(struct rmtree *tree, int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno == EISDIR)
        return rmtree_directory(tree, parent, name, depth);
    rmtree_note(tree, "removing", name);
    return false;
}

/* Entries gone and entries left in one pass over a directory. */
static void rmtree_pass(struct rmtree *tree, DIR *directory, unsigned depth, unsigned *gone,
                        unsigned *left)
{
    const struct dirent *entry;

    *gone = *left = 0;
    rewinddir(directory);
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ++*(rmtree_entry(tree, dirfd(directory), entry->d_name, depth + 1) ? gone : left);
    }
}

/* Closes `fd`. */
static void rmtree_empty(struct rmtree *tree, int fd, unsigned depth)
{
    DIR *directory = fdopendir(fd);
    unsigned gone, left, moves, passes = 0;

    if (!directory) {
        close(fd);
        return;
    }
    /* A pass that removes may miss entries, and what is moved to the top comes after it. */
    do {
        moves = tree->moves;
        rmtree_pass(tree, directory, depth, &gone, &left);
        passes += tree->moves == moves;
    } while (gone > 0 && passes < RMTREE_PASSES_MAX);
    closedir(directory);
}

enum ct_code rmtree(int parent, const char *name, struct ct_error *err)
{
    struct rmtree tree = {.top = rmtree_open(parent, name)};
    int flags = AT_REMOVEDIR;

    if (tree.top >= 0)
        rmtree_empty(&tree, tree.top, 0);
    else if (errno == ENOTDIR || errno == ELOOP)
        flags = 0;
    if (unlinkat(parent, name, flags) == 0 || errno == ENOENT)
        return CT_E_OK;
    rmtree_note(&tree, "removing", name);
    *err = tree.first;
    return err->code;
}
