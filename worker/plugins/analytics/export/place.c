/* See place.h. A folder takes the place of another in one step (RENAME_EXCHANGE): a reader sees the
 * old one or the new one, as a whole. */
#include "export/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static bool place_failed(const struct place *place, const char *what, struct sdk_error *error)
{
    int code = errno;

    if (code == EACCES || code == EPERM || code == EROFS)
        return sdk_refuse(error, "FileError", "%s %s: %s", what, place->name, strerror(code));
    return sdk_retry_later(error, "FileError", "%s %s: %s", what, place->name, strerror(code));
}

bool place_open(const struct sdk_roots *roots, const char *path, struct place *place,
                struct sdk_error *error)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *parent = slash == path ? strdup("/")
                   : slash       ? strndup(path, (size_t)(slash - path))
                                 : strdup(".");

    place->directory = place->parent = -1;
    if (!parent)
        abort();
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strlen(name) > PLACE_NAME_MAX)
        sdk_refuse(error, "ValidationError",
                   "data.directory: its last part must be a name of 1 to %u bytes", PLACE_NAME_MAX);
    else {
        snprintf(place->name, sizeof place->name, "%s", name);
        place->parent = sdk_directory_open(roots, parent, true, error);
    }
    free(parent);
    return place->parent >= 0;
}

bool place_is_taken(const struct place *place)
{
    struct stat info;

    return fstatat(place->parent, place->name, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

json_t *place_manifest(const struct place *place)
{
    int directory =
        openat(place->parent, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd =
        directory < 0 ? -1 : openat(directory, PLACE_MANIFEST, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    json_t *manifest = fd < 0 ? NULL : json_loadfd(fd, 0, NULL);

    if (fd >= 0)
        close(fd);
    if (directory >= 0)
        close(directory);
    return manifest;
}

bool place_begin(struct place *place, struct sdk_error *error)
{
    unsigned long long number;

    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return place_failed(place, "making", error);
    snprintf(place->temporary, sizeof place->temporary, ".%s.%016llx.part", place->name, number);
    if (mkdirat(place->parent, place->temporary, 0777) != 0)
        return place_failed(place, "making", error);
    place->directory =
        openat(place->parent, place->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return place->directory >= 0 || place_failed(place, "making", error);
}

/* A folder of files, or of folders of files. */
static void remove_tree(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    while (list && (entry = readdir(list))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0)
            remove_tree(fd, entry->d_name);
    }
    if (list)
        closedir(list);
    unlinkat(parent, name, AT_REMOVEDIR);
}

bool place_commit(struct place *place, struct sdk_error *error)
{
    unsigned how = place_is_taken(place) ? RENAME_EXCHANGE : RENAME_NOREPLACE;

    if (fsync(place->directory) != 0 ||
        renameat2(place->parent, place->temporary, place->parent, place->name, how) != 0)
        return place_failed(place, "naming", error);
    if (how == RENAME_EXCHANGE)
        remove_tree(place->parent, place->temporary); /* the old one */
    place->temporary[0] = '\0';
    return fsync(place->parent) == 0 || place_failed(place, "naming", error);
}

void place_close(struct place *place)
{
    if (place->directory >= 0)
        close(place->directory);
    if (place->parent >= 0 && place->temporary[0])
        remove_tree(place->parent, place->temporary);
    if (place->parent >= 0)
        close(place->parent);
    place->directory = place->parent = -1;
}
