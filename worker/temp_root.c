/* Private temporary directories. See temp_root.h.
 *
 * Failures: no folder to make ours in (the worker does not start), no place for a runner's (that
 * start fails, and is tried again as others are), a directory that cannot be removed (tried a few
 * times, then told, and once more at the end). */
#include "worker/temp_root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/rmtree.h"

#define TEMP_ROOT_PREFIX "cartrita-runners-"
#define TEMP_ROOT_RANDOM "XXXXXX"

/* To be removed on a thread, which has it to itself meanwhile. */
struct doomed {
    struct ct_list link;
    char *path;       /* owned; NULL: what others have left in `base` */
    const char *base; /* borrowed */
    unsigned tries;
    bool has_failed;
    struct ct_error err;
};

/* --- what others have left -----------------------------------------------------------------------
 */

static bool leftover_is_ours(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whose supervisor lives holds the lock. A process of another machine or container that shares the
 * folder is known by it, too. */
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

/* On a thread. */
static void leftovers_remove(const char *base)
{
    DIR *directory = opendir(base);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        if (strncmp(entry->d_name, TEMP_ROOT_PREFIX, strlen(TEMP_ROOT_PREFIX)) == 0)
            leftover_check(dirfd(directory), entry->d_name);
    closedir(directory);
}

/* --- removing ------------------------------------------------------------------------------------
 */

static void temp_root_next(struct temp_root *root);

static void doomed_free(struct doomed *doomed)
{
    ct_list_remove(&doomed->link);
    free(doomed->path);
    free(doomed);
}

static void doomed_free_all(struct ct_list *list)
{
    CT_LIST_FOREACH_SAFE (node, following, list)
        doomed_free(CT_CONTAINER(node, struct doomed, link));
}

/* On a thread. */
static void temp_root_work(uv_work_t *work)
{
    struct temp_root *root = work->data;
    struct doomed *doomed = root->current;

    if (!doomed->path)
        leftovers_remove(doomed->base);
    else
        doomed->has_failed = rmtree(AT_FDCWD, doomed->path, &doomed->err) != CT_E_OK;
}

static void temp_root_retry(uv_timer_t *timer)
{
    struct temp_root *root = timer->data;

    ct_list_append(&root->doomed, &root->failed);
    temp_root_next(root);
}

static void temp_root_freed(uv_handle_t *handle)
{
    struct temp_root *root = handle->data;

    close(root->fd);
    free(root->base);
    free(root->path);
    root->closed(root->ctx);
}

static void temp_root_worked(uv_work_t *work, int status)
{
    struct temp_root *root = work->data;
    struct doomed *doomed = root->current;
    bool is_last = root->is_closing && doomed->path && strcmp(doomed->path, root->path) == 0;

    root->current = NULL;
    if (doomed->has_failed && ++doomed->tries < TEMP_ROOT_TRIES_MAX && !root->is_closing) {
        ct_list_push_back(&root->failed, &doomed->link);
        uv_timer_start(&root->retry, temp_root_retry, TEMP_ROOT_RETRY_MS, 0);
    } else {
        if (doomed->has_failed && (is_last || !root->is_closing))
            ct_log_warn("temporary files of a runner cannot be removed",
                        CT_STR("folder", doomed->path), CT_ERR(&doomed->err));
        doomed_free(doomed);
    }
    if (is_last)
        uv_close((uv_handle_t *)&root->retry, temp_root_freed);
    else
        temp_root_next(root);
}

static void temp_root_add(struct temp_root *root, char *path)
{
    struct doomed *doomed = ct_zalloc(sizeof *doomed);

    doomed->path = path;
    doomed->base = root->base;
    ct_list_push_back(&root->doomed, &doomed->link);
}

/* One at a time: removing much must not take all the threads. */
static void temp_root_next(struct temp_root *root)
{
    if (root->current)
        return;
    if (root->is_closing) { /* all of them lie in ours */
        doomed_free_all(&root->doomed);
        doomed_free_all(&root->failed);
        temp_root_add(root, ct_strdup(root->path));
    }
    if (ct_list_is_empty(&root->doomed))
        return;
    root->current = CT_CONTAINER(root->doomed.next, struct doomed, link);
    ct_list_remove(&root->current->link);
    root->work.data = root;
    int rc = uv_queue_work(root->loop, &root->work, temp_root_work, temp_root_worked);
    ct_assert(rc == 0);
}

void temp_root_discard(struct temp_root *root, char *path)
{
    if (!path)
        return;
    temp_root_add(root, path);
    temp_root_next(root);
}

void temp_root_close(struct temp_root *root, void (*closed)(void *ctx), void *ctx)
{
    root->closed = closed;
    root->ctx = ctx;
    root->is_closing = true;
    uv_timer_stop(&root->retry);
    temp_root_next(root);
}

/* --- making --------------------------------------------------------------------------------------
 */

/* 1: made and locked. 0: another worker took it for a leftover before it was locked. -1: errno. */
static int temp_root_try(struct temp_root *root)
{
    struct stat status;

    if (!mkdtemp(root->path))
        return -1;
    root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root->fd >= 0 && flock(root->fd, LOCK_EX | LOCK_NB) == 0 && fstat(root->fd, &status) == 0 &&
        status.st_nlink > 0) {
        /* Runners of another user go through it, and need not see who else is there. */
        if (geteuid() == 0)
            (void)fchmod(root->fd, S_IRWXU | S_IXGRP | S_IXOTH);
        return 1;
    }
    if (root->fd >= 0)
        close(root->fd);
    return 0;
}

enum ct_code temp_root_open(struct temp_root *root, uv_loop_t *loop, struct ct_error *err)
{
    const char *wish = getenv("TMPDIR");
    char *base = realpath(wish && wish[0] ? wish : "/tmp", NULL);
    int outcome = base ? 0 : -1;

    *root = (struct temp_root){.loop = loop, .base = base, .fd = -1};
    for (int tries = 0; outcome == 0 && tries < 10; tries++) {
        free(root->path);
        root->path = ct_asprintf("%s/" TEMP_ROOT_PREFIX TEMP_ROOT_RANDOM, base);
        outcome = temp_root_try(root);
    }
    if (outcome != 1) {
        ct_error_set(err, CT_E_SYSTEM,
                     "making a folder for the temporary files of jobs in %.100s: %s; set TMPDIR",
                     wish && wish[0] ? wish : "/tmp",
                     outcome < 0 ? strerror(errno) : "it is removed by others at once");
        free(root->path);
        free(base);
        return CT_E_SYSTEM;
    }
    ct_list_init(&root->doomed);
    ct_list_init(&root->failed);
    uv_timer_init(loop, &root->retry);
    root->retry.data = root;
    temp_root_add(root, NULL);
    temp_root_next(root);
    return CT_E_OK;
}

enum ct_code temp_root_make(struct temp_root *root, const struct user *user, char **out,
                            struct ct_error *err)
{
    char *path = ct_asprintf("%s/" TEMP_ROOT_RANDOM, root->path);
    const char *doing = "making";

    if (mkdtemp(path)) {
        doing = "giving away";
        if (!user->is_other || lchown(path, user->uid, user->gid) == 0) {
            *out = path;
            return CT_E_OK;
        }
        (void)rmdir(path);
    }
    ct_error_set(err, CT_E_SYSTEM, "%s the runner's folder for temporary files in %.100s: %s",
                 doing, root->path, strerror(errno));
    free(path);
    return CT_E_SYSTEM;
}
