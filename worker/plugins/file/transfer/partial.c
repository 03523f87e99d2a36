/* What is fetched, as far as it has come; see transfer.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/tree.h"
#include "cartrita/sdk/digest.h"
#include "transfer/transfer.h"

/* One name for one job and source, so that another attempt finds it and no other job does. */
static char *path_of(struct file_work *work, const char *source)
{
    const char *directory = work->plugin->settings.transfer_directory;
    const struct cartrita_host *host = work->call->host;
    unsigned char digest[SDK_SHA256_SIZE];
    struct sdk_string text = {0};
    char hex[2 * SDK_SHA256_SIZE + 1], *path = NULL;

    if (!directory)
        return file_temp_path(work, "fetched");
    sdk_string_printf(&text, "%s\n%s\n%s", host->job_queue(work->call->job),
                      host->job_id(work->call->job), source);
    sdk_sha256(text.bytes, text.len, digest);
    sdk_string_free(&text);
    sdk_hex(digest, sizeof digest, hex);
    if (asprintf(&path, "%s/%.32s.part", directory, hex) < 0)
        path = NULL;
    return path;
}

static void read_tag(struct partial *partial)
{
    int fd = open(partial->tag_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, partial->tag, sizeof partial->tag - 1) : 0;

    partial->tag[len > 0 ? len : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

bool partial_open(struct file_work *work, const char *source, struct partial *out)
{
    struct sdk_error *error = &work->call->error;
    struct stat info;

    *out = (struct partial){.fd = -1};
    out->path = path_of(work, source);
    if (!out->path || asprintf(&out->tag_path, "%s.tag", out->path) < 0) {
        out->tag_path = NULL;
        partial_close(out, true);
        return sdk_retry_later(error, "MemoryError", "out of memory");
    }
    out->fd = open(out->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out->fd < 0 || fstat(out->fd, &info) != 0) {
        tree_refuse("writing", out->path, errno, error);
        partial_close(out, true);
        return false;
    }
    if (flock(out->fd, LOCK_EX | LOCK_NB) != 0) {
        partial_close(out, true);
        return sdk_retry_later(error, "BusyError", "another attempt at this job still fetches");
    }
    out->size = info.st_size;
    read_tag(out);
    /* Without a tag nobody can say whether the rest belongs to it. */
    return out->tag[0] || partial_restart(out, NULL, error);
}

bool partial_restart(struct partial *partial, const char *tag, struct sdk_error *error)
{
    int fd;

    partial->size = 0;
    snprintf(partial->tag, sizeof partial->tag, "%s", tag ? tag : "");
    if (ftruncate(partial->fd, 0) != 0)
        return tree_refuse("writing", partial->path, errno, error);
    if (!tag) {
        unlink(partial->tag_path);
        return true;
    }
    fd = open(partial->tag_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, tag, strlen(tag)) != (ssize_t)strlen(tag)) {
        tree_refuse("writing", partial->tag_path, errno, error);
        if (fd >= 0)
            close(fd);
        return false;
    }
    close(fd);
    return true;
}

bool partial_write(struct partial *partial, const void *bytes, size_t len, struct sdk_error *error)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t count = pwrite(partial->fd, at, len, partial->size);

        if (count < 0 && errno != EINTR)
            return tree_refuse("writing", partial->path, errno, error);
        if (count > 0) {
            at += count;
            len -= (size_t)count;
            partial->size += count;
        }
    }
    return true;
}

void partial_close(struct partial *partial, bool is_kept)
{
    if (partial->fd >= 0 && !is_kept) {
        unlink(partial->path);
        unlink(partial->tag_path);
    }
    if (partial->fd >= 0)
        close(partial->fd);
    free(partial->path);
    free(partial->tag_path);
    *partial = (struct partial){.fd = -1};
}
