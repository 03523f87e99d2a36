/* Files being written: whole or not at all. See cartrita/sdk/file.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cartrita/sdk/file.h"
#include "walk.h"

#define OUTPUT_TRIES 8

/* A file of a name that nobody has; 0, or an errno. */
static int output_create(struct sdk_output *out)
{
    char name[sizeof ".cartrita-0123456789abcdef.part"];
    uint64_t number;

    for (int i = 0; i < OUTPUT_TRIES; i++) {
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return EAGAIN;
        snprintf(name, sizeof name, ".cartrita-%016llx.part", (unsigned long long)number);
        out->fd = openat(out->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->fd >= 0) {
            out->temporary = strdup(name);
            if (out->temporary)
                return 0;
            unlinkat(out->directory, name, 0);
            return ENOMEM;
        }
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

/* Closes and forgets all; safe on what was never opened. */
static void output_clear(struct sdk_output *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->directory >= 0)
        close(out->directory);
    free(out->name);
    free(out->temporary);
    *out = (struct sdk_output){.fd = -1, .directory = -1};
}

bool sdk_output_open(const struct sdk_roots *roots, const char *path, bool makes_directories,
                     struct sdk_output *out, struct sdk_error *error)
{
    struct sdk_walk walk;
    struct stat info;
    int code = 0;

    *out = (struct sdk_output){.fd = -1, .directory = -1};
    if (!sdk_walk(roots, path, makes_directories ? SDK_WALK_MAKES : 0, &walk, error))
        return false;
    /* To be synced, it is opened once more: what a walk holds is a place only. */
    out->directory = openat(walk.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->directory < 0)
        code = errno;
    close(walk.directory);
    if (code == 0 && (!walk.name[0] || path[strlen(path) - 1] == '/' ||
                      (fstatat(out->directory, walk.name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISDIR(info.st_mode))))
        code = EISDIR;
    if (code == 0 && !(out->name = strdup(walk.name)))
        code = ENOMEM;
    if (code == 0)
        code = output_create(out);
    if (code == 0)
        return true;
    output_clear(out);
    return sdk_file_error(error, "writing", path, code);
}

bool sdk_output_write(struct sdk_output *out, const void *bytes, size_t len,
                      struct sdk_error *error)
{
    const char *at = bytes;

    while (len) {
        ssize_t count = write(out->fd, at, len);

        if (count < 0 && errno != EINTR)
            return sdk_file_error(error, "writing", out->name, errno);
        if (count > 0) {
            at += count;
            len -= (size_t)count;
        }
    }
    return true;
}

bool sdk_output_commit(struct sdk_output *out, struct sdk_error *error)
{
    int code = 0;

    if (fsync(out->fd) != 0 ||
        renameat(out->directory, out->temporary, out->directory, out->name) != 0)
        code = errno;
    if (code)
        sdk_file_error(error, "writing", out->name, code);
    else {
        free(out->temporary);
        out->temporary = NULL;
        if (fsync(out->directory) != 0 && errno != EINVAL) /* not every file system can */
            code = errno;
        if (code)
            sdk_file_error(error, "writing the directory of", out->name, code);
    }
    sdk_output_abort(out);
    return code == 0;
}

void sdk_output_abort(struct sdk_output *out)
{
    if (!out->name)
        return; /* zeroed, aborted or committed: its numbers are nobody's descriptors */
    if (out->temporary)
        unlinkat(out->directory, out->temporary, 0);
    output_clear(out);
}
