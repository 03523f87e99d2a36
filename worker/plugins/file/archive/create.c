/* Operation `create`: files and directories become an archive.
 *
 * What goes in is told by "files" (and by the step before); directories go in with all that is
 * below them, in the order of their names. Owners are never stored, so that the same content gives
 * nearly the same archive everywhere; with "deterministic" it gives the same bytes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/packer.h"

#define ADDED_MAX 10000u /* items of "files" */

/* Reads names of a directory into *names, sorted. -1: an error. */
static int read_names(struct packer *packer, int fd, const char *name, struct dirent ***names)
{
    char path[sizeof "/proc/self/fd/-2147483648"];
    int count;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    count = scandir(path, names, NULL, NULL);
    if (count < 0)
        tree_refuse("directory", name, errno, packer->error);
    return count;
}

static int by_bytes(const void *a, const void *b)
{
    const struct dirent *const *left = a, *const *right = b;

    return strcmp((*left)->d_name, (*right)->d_name);
}

static bool add_directory(struct packer *packer, int fd, const char *name, int64_t depth);

/* Entry `base` of the directory `parent`, as `name`. What is neither file nor directory stays out.
 */
static bool add_child(struct packer *packer, int parent, const char *base, const char *name,
                      int64_t depth)
{
    struct stat info;
    bool is_done;
    int fd;

    if (fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_refuse("reading", name, errno, packer->error);
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        packer->skipped++;
        return true;
    }
    if (S_ISREG(info.st_mode) && !archive_filter_takes(&packer->filter, name))
        return true;
    fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return tree_refuse("reading", name, errno, packer->error);
    is_done = S_ISDIR(info.st_mode) ? add_directory(packer, fd, name, depth)
                                    : packer_add_file(packer, fd, name);
    close(fd);
    return is_done;
}

static bool add_directory(struct packer *packer, int fd, const char *name, int64_t depth)
{
    char child[ENTRY_NAME_MAX];
    struct dirent **names = NULL;
    bool is_done = true;
    int count;

    if (depth >= packer->limits.depth_max)
        return sdk_refuse(packer->error, "ArchiveLimitError",
                          "directory %.300s: it is deeper than the limit maxDepth=%lld", name,
                          (long long)packer->limits.depth_max);
    if (name[0] && !packer_add_directory(packer, fd, name))
        return false;
    count = read_names(packer, fd, name, &names);
    if (count > 0)
        qsort(names, (size_t)count, sizeof(struct dirent *), by_bytes);
    for (int i = 0; i < count; i++) {
        const char *base = names[i]->d_name;

        if (is_done && strcmp(base, ".") != 0 && strcmp(base, "..") != 0) {
            if ((size_t)snprintf(child, sizeof child, "%s%s%s", name, name[0] ? "/" : "", base) >=
                sizeof child)
                is_done = tree_refuse("reading", name, ENAMETOOLONG, packer->error);
            else
                is_done = add_child(packer, fd, base, child, depth + 1);
        }
        free(names[i]);
    }
    free(names);
    return is_done && count >= 0;
}

/* The path that an item of "files" names, NULL: it is another kind of source. */
static const char *path_of(const json_t *item)
{
    const char *text = json_string_value(item);

    if (json_is_object(item))
        return json_string_value(json_object_get(item, "path"));
    if (text && (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0 ||
                 strncmp(text, "data:", 5) == 0))
        return NULL;
    return text;
}

/* A path: 1 it was a directory and is in, 0 it is none, -1 failed. */
static int add_path(struct packer *packer, const char *path, const char *as)
{
    struct sdk_error ignored;
    const char *base = strrchr(path, '/');
    char name[ENTRY_NAME_MAX];
    const char *flaw;
    bool is_done;
    int fd = sdk_directory_open(packer->work->plugin->roots, path, false, &ignored);

    if (fd < 0)
        return 0;
    if (!as)
        as = base && base[1] ? base + 1 : base ? "" : path;
    flaw = entry_name_clean(as, 0, (size_t)packer->limits.depth_max, name);
    is_done = flaw ? sdk_refuse(packer->error, "ValidationError", "%s: the name \"%.200s\" %s",
                                packer->work->options->path, as, flaw)
                   : add_directory(packer, fd, name, 0);
    close(fd);
    return is_done ? 1 : -1;
}

static bool add_items(struct packer *packer, const struct file_list *list, const char *as)
{
    char name[ENTRY_NAME_MAX];

    for (size_t i = 0; i < list->count; i++) {
        const char *wanted = as ? as : list->items[i].name;
        const char *flaw = entry_name_clean(wanted, 0, (size_t)packer->limits.depth_max, name);
        int64_t size;
        bool is_done;
        int fd;

        if (flaw || !name[0])
            return sdk_refuse(packer->error, "ValidationError", "%s: the name \"%.200s\" %s",
                              packer->work->options->path, wanted, flaw ? flaw : "is empty");
        fd = file_item_open(packer->work, &list->items[i], &size);
        if (fd < 0)
            return false;
        is_done = packer_add_file(packer, fd, name);
        close(fd);
        if (!is_done)
            return false;
    }
    return true;
}

/* Item `index` of "files": a source, and under "as" how it is called inside. */
static bool add_item(struct packer *packer, json_t *item, size_t index)
{
    const char *as = json_string_value(json_object_get(item, "as"));
    const char *path = path_of(item);
    struct file_work work = *packer->work; /* file_inputs reads it from the step's options */
    struct file_list list = {0};
    struct sdk_reader options;
    json_t *source, *holder;
    char where[SDK_READER_PATH_MAX];
    bool is_done;
    int was = path ? add_path(packer, path, as) : 0;

    if (was != 0)
        return was > 0;
    source = json_is_object(item) ? json_copy(item) : json_incref(item);
    if (json_is_object(source))
        (void)json_object_del(source, "as");
    holder = json_pack("{s:o}", "source", source);
    snprintf(where, sizeof where, "%.100s.files[%zu]", packer->work->options->path, index);
    options = sdk_reader(holder, where, packer->error);
    work.options = &options;
    is_done = file_inputs(&work, "source", &list) && add_items(packer, &list, as);
    file_list_free(&list);
    json_decref(holder);
    return is_done;
}

static bool add_all(struct packer *packer, const json_t *files)
{
    for (size_t i = 0; i < json_array_size(files); i++)
        if (!add_item(packer, json_array_get(files, i), i))
            return false;
    return add_items(packer, packer->work->inputs, NULL);
}

bool archive_create(struct file_work *work)
{
    static const char *const members[] = {
        "operation",     "files",    "format",     "level",    "output",       "include", "exclude",
        "deterministic", "maxBytes", "maxEntries", "maxDepth", "maxFileBytes", "sha256",  NULL};
    struct packer packer = {.work = work, .error = &work->call->error};
    const json_t *files = sdk_array(work->options, "files", ADDED_MAX);
    bool is_done;

    if (!sdk_reader_only(work->options, members) || !archive_filter_read(work, &packer.filter) ||
        !archive_limits_read(work, &packer.limits))
        return false;
    if (json_array_size(files) == 0 && work->inputs->count == 0)
        return sdk_reader_refuse(work->options, "files",
                                 "it is missing: what goes into the archive");
    work->call->host->phase(work->call->job, "archive: create");
    is_done = packer_open(&packer) && add_all(&packer, files) && packer_commit(&packer);
    packer_close(&packer);
    return is_done;
}
