/* Folders that are held. See held_dir.h. Between making one and locking it, another supervisor may
 * take it for a leftover and remove it: then the next one is made. */
#include "worker/shared/held_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "worker/shared/rmtree.h"

#define HELD_DIR_PREFIX    "cartrita-held-"
#define HELD_DIR_TRIES_MAX 10

/* False: errno says why. The lock is on the folder and not on a file in it: a removal that is cut
 * short would leave the folder without the file. */
static bool held_dir_lock(struct held_dir *dir)
{
    struct stat status;
    int why;

    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir->fd >= 0 && flock(dir->fd, LOCK_EX | LOCK_NB) == 0 && fstat(dir->fd, &status) == 0) {
        if (status.st_nlink > 0)
            return true;
        errno = ENOENT;
    }
    why = errno;
    if (dir->fd >= 0)
        close(dir->fd);
    errno = why;
    return false;
}

enum ct_code held_dir_make(const char *base, struct held_dir *out, struct ct_error *err)
{
    struct held_dir dir = {NULL, -1};
    const char *why = NULL;

    for (int tries = 0; tries < HELD_DIR_TRIES_MAX; tries++) {
        free(dir.path);
        dir.path = ct_asprintf("%s/" HELD_DIR_PREFIX "XXXXXX", base);
        if (!mkdtemp(dir.path)) {
            why = strerror(errno);
            break;
        }
        if (held_dir_lock(&dir)) {
            *out = dir;
            return CT_E_OK;
        }
        why =
            errno == EWOULDBLOCK || errno == ENOENT ? "others remove it at once" : strerror(errno);
        (void)rmdir(dir.path);
    }
    free(dir.path);
    return ct_error_set(err, CT_E_SYSTEM, "making a folder in %.150s: %s", base, why);
}

void held_dir_free(struct held_dir *dir)
{
    (void)rmdir(dir->path);
    close(dir->fd);
    free(dir->path);
    *dir = (struct held_dir){NULL, -1};
}

static bool leftover_is_ours(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whose supervisor lives is locked, also when that is in another container with the same folder. */
static void leftover_check(int base, const char *name)
{
    int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct ct_error err;

    if (fd < 0)
        return;
    if (leftover_is_ours(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        rmtree(base, name, &err) != CT_E_OK)
        ct_log_warn("what an earlier worker has left cannot be removed", CT_STR("name", name),
                    CT_ERR(&err));
    close(fd);
}

void held_dir_sweep(const char *base)
{
    DIR *directory = opendir(base);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (strncmp(entry->d_name, HELD_DIR_PREFIX, strlen(HELD_DIR_PREFIX)) == 0)
            leftover_check(dirfd(directory), entry->d_name);
    closedir(directory);
}
