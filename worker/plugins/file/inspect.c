/* See inspect.h. Types by libmagic, pictures by libvips. */
#include "inspect.h"

#include <magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "step.h"

/* A cookie of libmagic may be used by one thread at a time. */
struct inspector {
    pthread_mutex_t lock;
    magic_t magic;
};

bool inspect_open(struct inspector **out, struct sdk_error *error)
{
    struct inspector *inspector = calloc(1, sizeof *inspector);

    if (!inspector)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    pthread_mutex_init(&inspector->lock, NULL);
    inspector->magic = magic_open(MAGIC_NONE);
    if (!inspector->magic || magic_load(inspector->magic, NULL) != 0) {
        (void)sdk_refuse(error, "SettingError", "libmagic does not start: %.300s",
                         inspector->magic ? magic_error(inspector->magic) : "out of memory");
        inspect_close(inspector);
        return false;
    }
    *out = inspector;
    return true;
}

void inspect_close(struct inspector *inspector)
{
    if (!inspector)
        return;
    if (inspector->magic)
        magic_close(inspector->magic);
    pthread_mutex_destroy(&inspector->lock);
    free(inspector);
}

/* One answer of libmagic as member `name`. Called under the lock. */
static bool inspect_ask(struct inspector *inspector, int flags, int fd, const char *name,
                        json_t *json)
{
    const char *answer;

    (void)magic_setflags(inspector->magic, flags);
    (void)lseek(fd, 0, SEEK_SET);
    answer = magic_descriptor(inspector->magic, fd);
    return answer && json_object_set_new(json, name, json_string(answer)) == 0;
}

static bool inspect_type(struct file_work *work, int fd, const char *name, int64_t size,
                         json_t *json)
{
    struct inspector *inspector = work->plugin->inspector;
    const char *charset;
    bool is_done;

    pthread_mutex_lock(&inspector->lock);
    is_done = inspect_ask(inspector, MAGIC_MIME_TYPE, fd, "type", json) &&
              inspect_ask(inspector, MAGIC_MIME_ENCODING, fd, "encoding", json) &&
              inspect_ask(inspector, MAGIC_NONE, fd, "description", json);
    if (!is_done)
        (void)sdk_refuse(&work->call->error, "InspectError", "%.200s: %.300s", name,
                         magic_error(inspector->magic) ? magic_error(inspector->magic)
                                                       : "it has no type that is text");
    pthread_mutex_unlock(&inspector->lock);
    if (!is_done)
        return false;
    charset = json_string_value(json_object_get(json, "encoding"));
    (void)json_object_set_new(json, "isText",
                              json_boolean(strcmp(charset, "binary") != 0 && size > 0));
    return true;
}

static bool inspect_file(struct file_work *work, void *ctx, const struct file_item *item,
                         json_t *json)
{
    int64_t size;
    int fd = file_item_open(work, item, &size);
    bool is_done;

    (void)ctx;
    if (fd < 0)
        return false;
    (void)json_object_set_new(json, "name", json_string(item->name));
    (void)json_object_set_new(json, "bytes", json_integer(size));
    is_done = inspect_type(work, fd, item->name, size, json);
    if (is_done)
        image_inspect(fd, json);
    close(fd);
    return is_done;
}

bool inspect_step(struct file_work *work)
{
    static const char *const members[] = {"source", "sources", NULL};

    return sdk_reader_only(work->options, members) && file_each(work, inspect_file, NULL);
}
