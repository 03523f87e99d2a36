/* Files for reading. See cartrita/sdk/file.h. */
#include "cartrita/sdk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "walk.h"

int sdk_directory_open(const struct sdk_roots *roots, const char *path, bool makes_directories,
                       struct sdk_error *error)
{
    unsigned how = SDK_WALK_FOLLOWS | (makes_directories ? SDK_WALK_MAKES : 0);
    struct sdk_walk walk;
    const char *name;
    int fd, code;

    if (!sdk_walk(roots, path, how, &walk, error))
        return -1;
    name = walk.name[0] ? walk.name : ".";
    fd = openat(walk.directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && makes_directories &&
        (mkdirat(walk.directory, name, 0777) == 0 || errno == EEXIST))
        fd = openat(walk.directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    code = errno;
    close(walk.directory);
    if (fd < 0)
        sdk_file_error(error, "directory", path, code);
    return fd;
}

int sdk_file_open(const struct sdk_roots *roots, const char *path, int64_t *size,
                  struct sdk_error *error)
{
    struct sdk_walk walk;
    struct stat info;
    int fd, code;

    if (!sdk_walk(roots, path, SDK_WALK_FOLLOWS, &walk, error))
        return -1;
    /* Not blocking: what is no file, such as a pipe without a writer, is refused and not waited
     * for. */
    fd = openat(walk.directory, walk.name[0] ? walk.name : ".",
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    code = errno;
    close(walk.directory);
    if (fd >= 0 && fstat(fd, &info) != 0)
        code = errno;
    else if (fd >= 0 && S_ISREG(info.st_mode)) {
        if (size)
            *size = info.st_size;
        return fd;
    } else if (fd >= 0)
        code = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    if (fd >= 0)
        close(fd);
    if (code == EINVAL || code == ENXIO)
        sdk_refuse(error, "FileError", "opening %s: it is no regular file", path);
    else
        sdk_file_error(error, "opening", path, code);
    return -1;
}

/* Reads to the end, into fresh memory; 0, or an errno; EFBIG: more than max_size. */
static int read_to_end(int fd, size_t expected, size_t max_size, char **bytes, size_t *len)
{
    size_t capacity = (expected < max_size ? expected : max_size) + 2, count = 0;
    char *out = malloc(capacity);
    ssize_t got = 1;
    int code = out ? 0 : ENOMEM;

    while (code == 0 && got != 0) {
        if (count + 1 == capacity) { /* it has grown since, or has no size, as files of /proc */
            char *larger = realloc(out, capacity * 2);

            code = larger ? 0 : ENOMEM;
            out = larger ? larger : out;
            capacity *= 2;
            continue;
        }
        got = read(fd, out + count, capacity - 1 - count);
        if (got > 0)
            count += (size_t)got;
        else if (got < 0 && errno != EINTR)
            code = errno;
        if (count > max_size)
            code = EFBIG;
    }
    if (code) {
        free(out);
        return code;
    }
    out[count] = '\0';
    *bytes = out;
    *len = count;
    return 0;
}

bool sdk_file_read(const struct sdk_roots *roots, const char *path, size_t max_size, char **bytes,
                   size_t *len, struct sdk_error *error)
{
    int64_t size;
    int fd = sdk_file_open(roots, path, &size, error);
    int code;

    if (fd < 0)
        return false;
    code = (uint64_t)size > max_size ? EFBIG : read_to_end(fd, (size_t)size, max_size, bytes, len);
    close(fd);
    if (code == EFBIG)
        return sdk_refuse(error, "FileError", "%s has %" PRId64 " bytes, at most %zu are allowed",
                          path, size, max_size);
    return code == 0 || sdk_file_error(error, "reading", path, code);
}
