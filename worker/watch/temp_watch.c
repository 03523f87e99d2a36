/* Size of temporary directories. See temp_watch.h. */
#include "worker/watch/temp_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

/* On its way over a thread, which has all but `slot` to itself meanwhile. */
struct temp_look {
    uv_work_t work;
    struct slot *slot; /* borrowed; NULL: its runner is gone */
    char *path;        /* owned */
    uint64_t max;
    struct temp_size size;
};

/* --- on a thread ---------------------------------------------------------------------------------
 */

static void temp_measure(int parent, const char *name, unsigned depth, uint64_t enough,
                         struct temp_size *size)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    struct stat status;

    if (!folder && fd >= 0)
        close(fd);
    while (folder && size->bytes <= enough && size->entries <= TEMP_WATCH_ENTRIES_MAX &&
           (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        size->entries++;
        size->bytes += (uint64_t)status.st_blocks * 512u;
        if (S_ISDIR(status.st_mode) && depth < TEMP_WATCH_DEPTH_MAX)
            temp_measure(fd, entry->d_name, depth + 1, enough, size);
    }
    if (folder)
        closedir(folder);
}

void temp_watch_measure(const char *path, uint64_t enough, struct temp_size *out)
{
    *out = (struct temp_size){.bytes = 0};
    temp_measure(AT_FDCWD, path, 1, enough, out);
}

static void temp_look_work(uv_work_t *work)
{
    struct temp_look *look = work->data;

    temp_watch_measure(look->path, look->max, &look->size);
}

/* --- on the loop ---------------------------------------------------------------------------------
 */

static void temp_look_judge(const struct temp_look *look)
{
    char why[160];

    if (look->size.bytes > look->max)
        snprintf(why, sizeof why,
                 "killed at %" PRIu64 " MiB in its temporary directory, limit %" PRIu64
                 " MiB (temp-max)",
                 look->size.bytes >> 20, look->max >> 20);
    else if (look->size.entries > TEMP_WATCH_ENTRIES_MAX)
        snprintf(why, sizeof why,
                 "killed at more than %u files in its temporary directory (temp-max)",
                 TEMP_WATCH_ENTRIES_MAX);
    else
        return;
    slot_kill_now(look->slot, why);
}

static void temp_look_done(uv_work_t *work, int status)
{
    struct temp_look *look = work->data;

    if (look->slot) {
        look->slot->temp_look = NULL;
        temp_look_judge(look);
    }
    free(look->path);
    free(look);
}

void temp_watch_look(struct slot *slot)
{
    struct temp_look *look;

    if (slot->pool->options.temp_max_mib == 0 || !slot->temp_dir || slot->temp_look)
        return;
    look = ct_zalloc(sizeof *look);
    look->work.data = look;
    look->slot = slot;
    look->path = ct_strdup(slot->temp_dir);
    look->max = (uint64_t)slot->pool->options.temp_max_mib << 20;
    slot->temp_look = look;
    uv_queue_work(slot->context->loop, &look->work, temp_look_work, temp_look_done);
}

void temp_watch_forget(struct slot *slot)
{
    if (slot->temp_look)
        slot->temp_look->slot = NULL;
    slot->temp_look = NULL;
}
