/* Walks paths part by part on held directories: what lies above a root is never opened, and what a
 * symbolic link names is walked the same way. Newer kernels have a call for that (openat2), which
 * the runner's sandbox must take away on some: this is the one way everywhere. */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cartrita/sdk/text.h"

#define WALK_DEPTH_MAX 64u /* directories below a root, each of which is held open */
#define WALK_LINKS_MAX 40u /* as the kernel's */

struct root {
    char *path; /* owned: as its owner wrote it */
    char *real; /* owned: without symbolic links */
    int fd;     /* O_PATH */
};

struct sdk_roots {
    struct root roots[SDK_ROOTS_MAX];
    size_t count;
};

static const char file_error[] = "FileError";

bool sdk_file_error(struct sdk_error *error, const char *what, const char *path, int code)
{
    switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ETIMEDOUT:
    case EBUSY:
    case EAGAIN:
        return sdk_retry_later(error, file_error, "%s %s: %s", what, path, strerror(code));
    case EXDEV:
        return sdk_refuse(error, file_error,
                          "%s %s: it leads out of the directories that jobs may use", what, path);
    case EACCES:
    case EPERM:
        return sdk_refuse(error, file_error,
                          "%s %s: %s (to the user of the runner, or by its sandbox)", what, path,
                          strerror(code));
    default:
        return sdk_refuse(error, file_error, "%s %s: %s", what, path, strerror(code));
    }
}

/* --- roots ---------------------------------------------------------------------------------------
 */

static bool roots_add(struct sdk_roots *roots, const json_t *item, struct sdk_error *error)
{
    const char *path = json_string_value(item);
    struct root *root = &roots->roots[roots->count];

    if (!path || path[0] != '/')
        return sdk_refuse(error, file_error, "a root must be the absolute path of a directory%s%s",
                          path ? ", not " : "", path ? path : "");
    if (roots->count == SDK_ROOTS_MAX)
        return sdk_refuse(error, file_error, "there can be %u roots at the most", SDK_ROOTS_MAX);
    root->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0)
        return sdk_file_error(error, "root", path, errno);
    roots->count++;
    root->path = strdup(path);
    root->real = realpath(path, NULL);
    return (root->path && root->real) || sdk_file_error(error, "root", path, errno);
}

bool sdk_roots_open(const json_t *paths, struct sdk_roots **out, struct sdk_error *error)
{
    size_t count = json_is_array(paths) ? json_array_size(paths) : 1;
    struct sdk_roots *roots;
    bool is_open = true;

    *out = NULL;
    if (!paths || json_is_null(paths))
        return true;
    if (count == 0)
        return sdk_refuse(error, file_error, "the list of roots is empty");
    roots = calloc(1, sizeof *roots);
    if (!roots)
        return sdk_file_error(error, "roots", "", ENOMEM);
    for (size_t i = 0; i < count && is_open; i++)
        is_open = roots_add(roots, json_is_array(paths) ? json_array_get(paths, i) : paths, error);
    if (is_open)
        *out = roots;
    else
        sdk_roots_close(roots);
    return is_open;
}

void sdk_roots_close(struct sdk_roots *roots)
{
    for (size_t i = 0; roots && i < roots->count; i++) {
        free(roots->roots[i].path);
        free(roots->roots[i].real);
        close(roots->roots[i].fd);
    }
    free(roots);
}

/* The rest of `path` behind the directory `root`; NULL: it lies elsewhere. */
static const char *path_below(const char *path, const char *root)
{
    while (*root) {
        if (*root == '/') {
            if (*path && *path != '/')
                return NULL;
            path += strspn(path, "/");
            root += strspn(root, "/");
        } else if (*path++ != *root++)
            return NULL;
    }
    return *path == '\0' || *path == '/' || path[-1] == '/' ? path + strspn(path, "/") : NULL;
}

static bool outside(const struct sdk_roots *roots, const char *path, struct sdk_error *error)
{
    struct sdk_string all = {.max = SDK_ERROR_TEXT_MAX / 2};

    for (size_t i = 0; i < roots->count; i++)
        sdk_string_printf(&all, "%s%s", i ? ", " : "", roots->roots[i].path);
    sdk_refuse(error, file_error, "%s: jobs may use files below %s only", path,
               all.bytes ? all.bytes : "");
    sdk_string_free(&all);
    return false;
}

/* Fresh descriptor of the directory that *path begins in, which becomes relative; or -1. */
static int path_start(const struct sdk_roots *roots, const char **path, struct sdk_error *error)
{
    const struct root *root = roots ? &roots->roots[0] : NULL;
    const char *rest = NULL;
    int fd;

    if (!roots && (*path)[0] != '/') {
        sdk_refuse(error, file_error, "%s: give an absolute path", *path);
        return -1;
    }
    for (size_t i = 0; roots && (*path)[0] == '/' && i < roots->count && !rest; i++) {
        root = &roots->roots[i];
        rest = path_below(*path, root->path);
        rest = rest ? rest : path_below(*path, root->real);
    }
    if (roots && (*path)[0] == '/' && !rest) {
        outside(roots, *path, error);
        return -1;
    }
    fd = root ? fcntl(root->fd, F_DUPFD_CLOEXEC, 3) : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        sdk_file_error(error, "opening", *path, errno);
    *path = rest ? rest : *path;
    return fd;
}

/* --- the walk ------------------------------------------------------------------------------------
 */

struct walker {
    int held[WALK_DEPTH_MAX]; /* the root and the directories on the way */
    size_t depth;             /* how many; the last one is where the walk is */
    char rest[PATH_MAX];      /* still to go */
    unsigned links;
    bool is_whole; /* there is no root but / */
};

static void walker_up_to(struct walker *walker, size_t depth)
{
    while (walker->depth > depth)
        close(walker->held[--walker->depth]);
}

/* Takes the next part off the rest: 0, or an errno. */
static int walker_next(struct walker *walker, char part[NAME_MAX + 1])
{
    const char *at = walker->rest + strspn(walker->rest, "/");
    size_t len = strcspn(at, "/");

    if (len > NAME_MAX)
        return ENAMETOOLONG;
    memcpy(part, at, len);
    part[len] = '\0';
    at += len + strspn(at + len, "/");
    memmove(walker->rest, at, strlen(at) + 1);
    return 0;
}

/* What the link `name` holds is to be walked before the rest. */
static int walker_link(struct walker *walker, const char *name)
{
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t len = readlinkat(walker->held[walker->depth - 1], name, target, sizeof target - 1);

    if (len < 0)
        return errno;
    target[len] = '\0';
    if (++walker->links > WALK_LINKS_MAX)
        return ELOOP;
    if (target[0] == '/' && !walker->is_whole)
        return EXDEV;
    if (target[0] == '/')
        walker_up_to(walker, 1);
    memcpy(rest, walker->rest, sizeof rest);
    if ((size_t)snprintf(walker->rest, sizeof walker->rest, "%s%s%s", target, rest[0] ? "/" : "",
                         rest) >= sizeof walker->rest)
        return ENAMETOOLONG;
    return 0;
}

/* Into the directory `name`, or to where the link of that name leads. */
static int walker_enter(struct walker *walker, const char *name, bool makes)
{
    int from = walker->held[walker->depth - 1];
    int fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    int code = 0;

    if (fd < 0 && errno == ENOENT && makes && (mkdirat(from, name, 0777) == 0 || errno == EEXIST))
        fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    if (fstat(fd, &info) != 0)
        code = errno;
    else if (S_ISDIR(info.st_mode) && walker->depth < WALK_DEPTH_MAX) {
        walker->held[walker->depth++] = fd;
        return 0;
    } else
        code = S_ISDIR(info.st_mode) ? ENAMETOOLONG : S_ISLNK(info.st_mode) ? 0 : ENOTDIR;
    close(fd);
    return code ? code : walker_link(walker, name);
}

static bool is_link(int directory, const char *name)
{
    struct stat info;

    return fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

/* Walks all of the rest; `name` is the last part of it. */
static int walker_run(struct walker *walker, unsigned how, char name[NAME_MAX + 1])
{
    int code = 0;

    name[0] = '\0';
    while (code == 0 && walker->rest[0]) {
        bool is_last;

        code = walker_next(walker, name);
        is_last = walker->rest[0] == '\0';
        if (code || strcmp(name, ".") == 0 || !name[0])
            name[0] = '\0';
        else if (strcmp(name, "..") == 0) {
            name[0] = '\0';
            if (walker->depth == 1 && !walker->is_whole)
                code = EXDEV;
            else if (walker->depth > 1)
                walker_up_to(walker, walker->depth - 1);
        } else if (!is_last)
            code = walker_enter(walker, name, how & SDK_WALK_MAKES);
        else if (how & SDK_WALK_FOLLOWS && is_link(walker->held[walker->depth - 1], name))
            code = walker_link(walker, name);
    }
    return code;
}

bool sdk_walk(const struct sdk_roots *roots, const char *path, unsigned how, struct sdk_walk *out,
              struct sdk_error *error)
{
    struct walker walker = {.is_whole = !roots};
    const char *rest = path;
    int code;

    out->directory = -1;
    if (!path[0])
        return sdk_refuse(error, file_error, "the path is empty");
    walker.held[0] = path_start(roots, &rest, error);
    if (walker.held[0] < 0)
        return false;
    walker.depth = 1;
    code = strlen(rest) < sizeof walker.rest ? 0 : ENAMETOOLONG;
    if (code == 0) {
        strcpy(walker.rest, rest);
        code = walker_run(&walker, how, out->name);
    }
    if (code == 0)
        out->directory = walker.held[--walker.depth];
    walker_up_to(&walker, 0);
    return code == 0 || sdk_file_error(error, "opening", path, code);
}
