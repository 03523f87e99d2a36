/* A directory that is filled under a temporary name; see tree.h. */
#include "archive/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMOVE_DEPTH_MAX 256u /* each level holds a descriptor */
#define DIRECTORY_FLAGS  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

bool tree_refuse(const char *what, const char *name, int number, struct sdk_error *error)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
        return sdk_retry_later(error, "FileError", "%s %.300s: %s", what, name, strerror(number));
    case EACCES:
    case EPERM:
        return sdk_refuse(error, "FileError",
                          "%s %.300s: %s (to the user of the runner, or by its sandbox)", what,
                          name, strerror(number));
    default:
        return sdk_refuse(error, "FileError", "%s %.300s: %s", what, name, strerror(number));
    }
}

/* --- removing ------------------------------------------------------------------------------------
 */

static void remove_all(int parent, const char *name, unsigned depth)
{
    int fd;
    DIR *dir;

    if (unlinkat(parent, name, 0) == 0 || depth > REMOVE_DEPTH_MAX)
        return;
    fd = openat(parent, name, DIRECTORY_FLAGS);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_all(fd, entry->d_name, depth + 1);
    closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* --- beginning and end ---------------------------------------------------------------------------
 */

static bool is_directory_empty(int parent, const char *name)
{
    int fd = openat(parent, name, DIRECTORY_FLAGS);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool is_empty = dir != NULL;

    if (fd >= 0 && !dir)
        close(fd);
    for (struct dirent *entry; is_empty && (entry = readdir(dir));)
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return is_empty;
}

static bool refuse_taken(const char *name, struct sdk_error *error)
{
    return sdk_refuse(error, "ExistsError",
                      "output %.300s: it exists already; name another one, or say "
                      "\"replace\": true",
                      name);
}

bool tree_begin(struct tree *tree, int parent, const char *name, bool replaces,
                struct sdk_error *error)
{
    struct stat info;
    uint64_t random;

    *tree = TREE_NONE;
    if (strlen(name) > ENTRY_PART_MAX)
        return tree_refuse("output", name, ENAMETOOLONG, error);
    tree->parent = parent;
    snprintf(tree->name, sizeof tree->name, "%s", name);
    if (!replaces && fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        !is_directory_empty(parent, name))
        return refuse_taken(name, error);
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return tree_refuse("output", name, errno, error);
    snprintf(tree->temporary, sizeof tree->temporary, ".%.200s.%016llx.part", name,
             (unsigned long long)random);
    if (mkdirat(parent, tree->temporary, 0755) != 0) {
        int number = errno;

        tree->temporary[0] = '\0';
        return tree_refuse("output", name, number, error);
    }
    tree->fd = openat(parent, tree->temporary, DIRECTORY_FLAGS);
    if (tree->fd >= 0)
        return true;
    tree_refuse("output", name, errno, error);
    tree_abort(tree);
    return false;
}

static void forget_last(struct tree *tree)
{
    if (tree->last_fd >= 0)
        close(tree->last_fd);
    tree->last_fd = -1;
}

static void close_all(struct tree *tree)
{
    forget_last(tree);
    if (tree->fd >= 0)
        close(tree->fd);
    tree->fd = -1;
}

bool tree_commit(struct tree *tree, bool replaces, struct sdk_error *error)
{
    bool is_done = syncfs(tree->fd) == 0 &&
                   renameat(tree->parent, tree->temporary, tree->parent, tree->name) == 0;

    /* What was there takes the temporary name, and goes with it. */
    if (!is_done && replaces && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) &&
        renameat2(tree->parent, tree->temporary, tree->parent, tree->name, RENAME_EXCHANGE) == 0) {
        remove_all(tree->parent, tree->temporary, 0);
        is_done = true;
    }
    if (is_done) {
        (void)fsync(tree->parent);
        tree->temporary[0] = '\0';
    } else if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) {
        refuse_taken(tree->name, error); /* somebody was faster */
    } else {
        tree_refuse("output", tree->name, errno, error);
    }
    tree_abort(tree);
    return is_done;
}

void tree_abort(struct tree *tree)
{
    close_all(tree);
    if (tree->temporary[0])
        remove_all(tree->parent, tree->temporary, 0);
    *tree = TREE_NONE;
}

/* --- filling it ----------------------------------------------------------------------------------
 */

/* Opens directory `name` (made where it is missing), part by part. The tree keeps the descriptor.
 */
static int enter(struct tree *tree, const char *name, struct sdk_error *error)
{
    char part[ENTRY_PART_MAX + 1];
    int fd = tree->fd;

    if (name[0] == '\0')
        return tree->fd;
    if (tree->last_fd >= 0 && strcmp(tree->last, name) == 0)
        return tree->last_fd;
    forget_last(tree);
    for (const char *at = name; *at;) {
        size_t len = strcspn(at, "/");
        int next;

        snprintf(part, sizeof part, "%.*s", (int)len, at);
        if (mkdirat(fd, part, 0755) != 0 && errno != EEXIST)
            next = -1;
        else
            next = openat(fd, part, DIRECTORY_FLAGS);
        if (next < 0)
            tree_refuse("directory", name, errno, error);
        if (fd != tree->fd)
            close(fd);
        if (next < 0)
            return -1;
        fd = next;
        at += len + (at[len] == '/');
    }
    tree->last_fd = fd;
    snprintf(tree->last, sizeof tree->last, "%s", name);
    return fd;
}

/* The directory that `name` is in; *base: its last part. */
static int enter_parent(struct tree *tree, const char *name, const char **base,
                        struct sdk_error *error)
{
    char parent[ENTRY_NAME_MAX];
    const char *slash = strrchr(name, '/');

    *base = slash ? slash + 1 : name;
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - name) : 0, name);
    return enter(tree, parent, error);
}

bool tree_make_directory(struct tree *tree, const char *name, struct sdk_error *error)
{
    return enter(tree, name, error) >= 0;
}

int tree_make_file(struct tree *tree, const char *name, bool is_executable, struct sdk_error *error)
{
    const char *base;
    int directory = enter_parent(tree, name, &base, error);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = is_executable ? 0755 : 0644;
    int fd;

    if (directory < 0)
        return -1;
    fd = openat(directory, base, flags, mode);
    if (fd < 0 && errno == EEXIST && unlinkat(directory, base, 0) == 0)
        fd = openat(directory, base, flags, mode);
    if (fd < 0)
        tree_refuse("file", name, errno, error);
    return fd;
}

int tree_open_file(struct tree *tree, const char *name, struct sdk_error *error)
{
    const char *base;
    int directory = enter_parent(tree, name, &base, error);
    struct stat info;
    int fd;

    if (directory < 0)
        return -1;
    fd = openat(directory, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return fd;
    tree_refuse("file", name, fd < 0 ? errno : EINVAL, error);
    if (fd >= 0)
        close(fd);
    return -1;
}

bool tree_make_symlink(struct tree *tree, const char *name, const char *target,
                       struct sdk_error *error)
{
    const char *base;
    int directory = enter_parent(tree, name, &base, error);

    if (directory < 0)
        return false;
    return symlinkat(target, directory, base) == 0 || tree_refuse("link", name, errno, error);
}
