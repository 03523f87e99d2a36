/* See part.h. */
#include "export/part.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool part_failed(const struct part *part, int code, struct sdk_error *error)
{
    /* A disk may be full for a while; what is forbidden stays so. */
    if (code == EACCES || code == EPERM || code == EROFS)
        return sdk_refuse(error, "FileError", "writing %s: %s", part->path, strerror(code));
    return sdk_retry_later(error, "FileError", "writing %s: %s", part->path, strerror(code));
}

bool part_open(struct part *part, int directory, bool is_compressed, struct sdk_error *error)
{
    char *slash = strchr(part->path, '/');
    int copy = -1;

    part->stream = NULL;
    part->rows = part->bytes = 0;
    if (slash) {
        *slash = '\0';
        if (mkdirat(directory, part->path, 0777) != 0 && errno != EEXIST) {
            part->fd = -1;
            return part_failed(part, errno, error);
        }
        *slash = '/';
    }
    part->fd = openat(directory, part->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (part->fd >= 0)
        copy = fcntl(part->fd, F_DUPFD_CLOEXEC, 0); /* zlib closes what it is given */
    if (copy >= 0)
        part->stream = gzdopen(copy, is_compressed ? "wb6" : "wbT");
    if (part->stream)
        return true;
    part_failed(part, errno ? errno : ENOMEM, error);
    if (copy >= 0)
        close(copy);
    part_abort(part);
    return false;
}

bool part_write(struct part *part, const void *bytes, size_t len, struct sdk_error *error)
{
    part->bytes += (int64_t)len;
    if (gzfwrite(bytes, 1, len, part->stream) == len)
        return true;
    return part_failed(part, errno ? errno : EIO, error);
}

bool part_close(struct part *part, struct sdk_error *error)
{
    int code = 0;

    errno = 0;
    if (gzclose(part->stream) != Z_OK)
        code = errno ? errno : EIO;
    part->stream = NULL;
    if (code == 0 && fsync(part->fd) != 0)
        code = errno;
    part_abort(part);
    return code == 0 || part_failed(part, code, error);
}

void part_abort(struct part *part)
{
    if (part->stream)
        gzclose(part->stream);
    part->stream = NULL;
    if (part->fd >= 0)
        close(part->fd);
    part->fd = -1;
}
