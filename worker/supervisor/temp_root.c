/* Private temporary directories. See temp_root.h.
 *
 * Failures: no folder to make ours in (the worker does not start), no place for a runner's (that
 * start fails, and is tried again as others are), a directory that cannot be removed (tried a few
 * times, then told, and once more at the end). */
#include "worker/supervisor/temp_root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/shared/rmtree.h"

/* To be removed on a thread, which has it to itself meanwhile. */
struct doomed {
    struct ct_list link;
    char *base; /* owned; what others have left there; NULL: nothing, but... */
    char *path; /* owned; ...this folder */
    unsigned tries;
    bool has_failed;
    struct ct_error err;
};

/* --- removing ------------------------------------------------------------------------------------
 */

static void temp_root_next(struct temp_root *root);

static void doomed_free(struct doomed *doomed)
{
    ct_list_remove(&doomed->link);
    free(doomed->base);
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

    if (doomed->base)
        held_dir_sweep(doomed->base);
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

    held_dir_free(&root->dir);
    free(root->base);
    root->closed(root->ctx);
}

static void temp_root_worked(uv_work_t *work, int status)
{
    struct temp_root *root = work->data;
    struct doomed *doomed = root->current;
    bool is_last = root->is_closing && doomed->path && strcmp(doomed->path, root->dir.path) == 0;

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

/* Takes `path` over. */
static void temp_root_add(struct temp_root *root, const char *base, char *path)
{
    struct doomed *doomed = ct_zalloc(sizeof *doomed);

    doomed->base = base ? ct_strdup(base) : NULL;
    doomed->path = path;
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
        temp_root_add(root, NULL, ct_strdup(root->dir.path));
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
    temp_root_add(root, NULL, path);
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

enum ct_code temp_root_open(struct temp_root *root, uv_loop_t *loop, const char *also,
                            struct ct_error *err)
{
    const char *wish = getenv("TMPDIR");
    const char *base = wish && wish[0] ? wish : "/tmp";
    enum ct_code rc;

    *root = (struct temp_root){.loop = loop, .base = realpath(base, NULL)};
    rc = root->base ? held_dir_make(root->base, &root->dir, err)
                    : ct_error_set(err, CT_E_SYSTEM, "%.150s: %s", base, strerror(errno));
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "temporary files of jobs (set TMPDIR)");
        free(root->base);
        return rc;
    }
    /* Runners of another user go through it, and need not see who else is there. */
    if (geteuid() == 0)
        (void)chmod(root->dir.path, S_IRWXU | S_IXGRP | S_IXOTH);
    ct_list_init(&root->doomed);
    ct_list_init(&root->failed);
    uv_timer_init(loop, &root->retry);
    root->retry.data = root;
    temp_root_add(root, root->base, NULL);
    if (also)
        temp_root_add(root, also, NULL);
    temp_root_next(root);
    return CT_E_OK;
}

enum ct_code temp_root_make(struct temp_root *root, const struct user *user, char **out,
                            struct ct_error *err)
{
    char *path = ct_asprintf("%s/XXXXXX", root->dir.path);
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
                 doing, root->dir.path, strerror(errno));
    free(path);
    return CT_E_SYSTEM;
}
