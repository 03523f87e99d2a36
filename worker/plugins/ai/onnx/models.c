/* See models.h. One lock guards the list; loading happens outside of it, with the entry marked. */
#include "onnx/models.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MODELS_LOOK_MS 50 /* how soon a waiting job sees that it should stop */

/* What makes a file the same as the one that was loaded. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct entry {
    struct entry *next;
    struct stamp stamp;
    struct model *model; /* owned; NULL while it is being loaded */
    size_t users;        /* jobs that hold it, or the thread that loads it */
    int64_t cost;        /* bytes that it counts as */
    uint64_t used_at;    /* turn of the last use */
};

struct models {
    struct ai *ai; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was loaded or given back */
    struct onnx_api *api;   /* owned; NULL until the first model */
    struct entry *list;
    int64_t cost; /* of all entries */
    uint64_t turn;
};

/* --- which file ---------------------------------------------------------------------------------
 */

/* The setting of a name: a path, or {path, batch}. NULL: there is none. */
static const json_t *models_named(const struct models *models, const char *name)
{
    return json_object_get(models->ai->settings.models, name);
}

static const char *named_path(const json_t *named)
{
    return json_is_string(named) ? json_string_value(named)
                                 : json_string_value(json_object_get(named, "path"));
}

static bool models_check_settings(const struct models *models, struct sdk_error *error)
{
    const json_t *named;
    const char *name;

    if (models->ai->settings.models && !json_is_object(models->ai->settings.models))
        return sdk_refuse(error, "SettingsError", "models: {\"NAME\": \"/PATH.onnx\"} is expected");
    if (models->ai->settings.preload && !json_is_array(models->ai->settings.preload))
        return sdk_refuse(error, "SettingsError", "preload: a list of models is expected");
    json_object_foreach(
        models->ai->settings.models, name,
        named) if (!named_path(named)) return sdk_refuse(error, "SettingsError",
                                                         "models.%s: a path, or {\"path\": "
                                                         "\"...\", \"batch\": false}, is "
                                                         "expected",
                                                         name);
    return true;
}

/* The path as the library opens it, real, with what tells this file from another. Paths of jobs
 * lie below the roots; those of the settings may be anywhere. */
static bool models_locate(struct models *models, const char *name, bool is_owners,
                          char path[PATH_MAX], struct stamp *stamp, struct sdk_error *error)
{
    const json_t *named = models_named(models, name);
    const char *given = named ? named_path(named) : name;
    char link[64];
    struct stat status;
    int64_t size;
    ssize_t len;
    int fd;

    fd = sdk_file_open(named || is_owners ? NULL : models->ai->roots, given, &size, error);
    if (fd < 0)
        return sdk_error_wrap(error, "model \"%.200s\"", name);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, PATH_MAX - 1);
    if (len < 0 || fstat(fd, &status) != 0) {
        close(fd);
        return sdk_retry_later(error, "FileError", "model \"%.200s\": %s", name, strerror(errno));
    }
    path[len] = '\0';
    close(fd);
    *stamp = (struct stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
    return true;
}

static bool stamp_is(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* --- the list, under the lock -------------------------------------------------------------------
 */

static struct entry *models_find(const struct models *models, const struct stamp *stamp)
{
    for (struct entry *entry = models->list; entry; entry = entry->next)
        if (stamp_is(&entry->stamp, stamp))
            return entry;
    return NULL;
}

static void models_drop(struct models *models, struct entry *dropped)
{
    struct entry **at = &models->list;

    while (*at != dropped)
        at = &(*at)->next;
    *at = dropped->next;
    models->cost -= dropped->cost;
    model_close(dropped->model);
    free(dropped);
}

/* False: what is loaded is in use. */
static bool models_make_room(struct models *models, int64_t cost)
{
    while (models->cost + cost > models->ai->settings.model_memory) {
        struct entry *oldest = NULL;

        for (struct entry *entry = models->list; entry; entry = entry->next)
            if (entry->users == 0 && (!oldest || entry->used_at < oldest->used_at))
                oldest = entry;
        if (!oldest)
            return false;
        models_drop(models, oldest);
    }
    return true;
}

static void models_wait(struct models *models)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += MODELS_LOOK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&models->changed, &models->lock, &until);
}

/* --- loading ------------------------------------------------------------------------------------
 */

static bool models_have_api(struct models *models, struct sdk_error *error)
{
    char text[512];

    if (models->api)
        return true;
    if (!onnx_api_open(models->ai->settings.runtime, &models->api, error))
        return false;
    snprintf(text, sizeof text, "ai: ONNX Runtime %s, %s", models->api->version,
             models->api->path ? models->api->path : "");
    models->ai->host->log_process(CARTRITA_LOG_INFO, text);
    return true;
}

static struct entry *models_reserve(struct models *models, const struct stamp *stamp, int64_t cost)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    entry->stamp = *stamp;
    entry->cost = cost;
    entry->users = 1;
    entry->next = models->list;
    models->list = entry;
    models->cost += cost;
    return entry;
}

static void models_tell(const struct models *models, const char *path)
{
    char text[PATH_MAX + 64];

    snprintf(text, sizeof text, "ai: model loaded: %s", path);
    models->ai->host->log_process(CARTRITA_LOG_INFO, text);
}

/* Under the lock, which is not held while the file is read. */
static bool models_load(struct models *models, const char *name, const char *path,
                        struct entry *entry, struct sdk_error *error)
{
    const json_t *batch = json_object_get(models_named(models, name), "batch");
    struct model *model = NULL;
    bool is_open;

    pthread_mutex_unlock(&models->lock);
    is_open = model_open(models->api, path, models->ai->settings.intra_threads, &model, error);
    pthread_mutex_lock(&models->lock);
    if (!is_open) {
        models_drop(models, entry);
        sdk_error_wrap(error, "model \"%.200s\" cannot be loaded", name);
    } else {
        if (json_is_boolean(batch))
            model->is_batchable = json_is_true(batch);
        entry->model = model;
        models_tell(models, path);
    }
    pthread_cond_broadcast(&models->changed);
    return is_open;
}

static bool models_goes_on(struct sdk_call *call)
{
    return !call || sdk_call_goes_on(call);
}

/* Under the lock: the entry of the file, loaded and held; NULL: `error` says why. */
static struct entry *models_hold(struct models *models, struct sdk_call *call, const char *name,
                                 const char *path, const struct stamp *stamp,
                                 struct sdk_error *error)
{
    int64_t cost = stamp->size * MODELS_FILE_TIMES;
    struct entry *entry;

    if (cost > models->ai->settings.model_memory) {
        sdk_refuse(error, "TooLarge",
                   "model \"%.200s\" needs about %lld bytes (%d times its file), more than "
                   "modelMemory, %lld",
                   name, (long long)cost, MODELS_FILE_TIMES,
                   (long long)models->ai->settings.model_memory);
        return NULL;
    }
    for (;;) {
        entry = models_find(models, stamp);
        if (entry && entry->model) {
            entry->users++;
            return entry;
        }
        if (!entry && models_make_room(models, cost))
            break;
        if (!models_goes_on(call)) {
            *error = call->error;
            return NULL;
        }
        models_wait(models);
    }
    if (!models_have_api(models, error))
        return NULL;
    entry = models_reserve(models, stamp, cost);
    if (!entry)
        sdk_retry_later(error, "OutOfMemory", "no memory for a model");
    else if (!models_load(models, name, path, entry, error))
        entry = NULL;
    return entry;
}

bool models_take(struct models *models, struct sdk_call *call, const char *name, bool is_owners,
                 const struct model **out, struct sdk_error *error)
{
    char path[PATH_MAX];
    struct stamp stamp;
    struct entry *entry;

    if (call)
        call->host->phase(call->job, "load the model");
    if (!models_locate(models, name, is_owners, path, &stamp, error))
        return false;
    pthread_mutex_lock(&models->lock);
    entry = models_hold(models, call, name, path, &stamp, error);
    if (entry) {
        entry->used_at = ++models->turn;
        *out = entry->model;
    }
    pthread_mutex_unlock(&models->lock);
    return entry != NULL;
}

void models_release(struct models *models, const struct model *model)
{
    if (!model)
        return;
    pthread_mutex_lock(&models->lock);
    for (struct entry *entry = models->list; entry; entry = entry->next)
        if (entry->model == model && --entry->users == 0)
            pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->lock);
}

/* --- opening and closing ------------------------------------------------------------------------
 */

/* Zeros of the shape it wants; a 1 where that is open. */
static bool models_warm(struct models *models, const struct model *model, struct sdk_error *error)
{
    struct tensor inputs[MODEL_PORTS_MAX] = {0}, outputs[MODEL_PORTS_MAX] = {0};
    size_t wanted[MODEL_PORTS_MAX];
    size_t max = (size_t)models->ai->settings.tensor_max;
    bool is_done = true;

    for (size_t i = 0; i < model->input_count && is_done; i++) {
        const struct model_port *port = &model->inputs[i];
        int64_t shape[TENSOR_RANK_MAX];

        for (size_t k = 0; k < port->rank; k++)
            shape[k] = port->shape[k] < 0 ? 1 : port->shape[k];
        if (port->is_other || port->type == TENSOR_STRING || tensor_type_size(port->type) == 0)
            is_done = sdk_refuse(error, "ModelError", "its inputs are no numbers");
        else
            is_done = tensor_init(&inputs[i], (enum tensor_type)port->type, shape, port->rank, max,
                                  error);
    }
    for (size_t i = 0; i < model->output_count; i++)
        wanted[i] = i;
    if (is_done)
        is_done = model_run(model, inputs, wanted, model->output_count, max, NULL, outputs, error);
    for (size_t i = 0; i < MODEL_PORTS_MAX; i++) {
        tensor_fini(&inputs[i]);
        tensor_fini(&outputs[i]);
    }
    return is_done;
}

/* A model that cannot be loaded keeps the runner from starting. One that does not run on zeros is
 * only told of: it may want a shape that nobody can guess. */
static bool models_preload(struct models *models, struct sdk_error *error)
{
    const struct model *model;
    struct sdk_error cold = {.text = ""};
    char text[SDK_ERROR_TEXT_MAX + 256];
    const json_t *name;
    size_t i;

    json_array_foreach(models->ai->settings.preload, i, name)
    {
        if (!json_is_string(name))
            return sdk_refuse(error, "SettingsError", "preload: a list of models is expected");
        if (!models_take(models, NULL, json_string_value(name), true, &model, error))
            return sdk_error_wrap(error, "preload");
        if (models->ai->settings.warm_up && !models_warm(models, model, &cold)) {
            snprintf(text, sizeof text, "ai: model \"%.200s\" is loaded, but not warm: %s",
                     json_string_value(name), cold.text);
            models->ai->host->log_process(CARTRITA_LOG_WARN, text);
        }
        models_release(models, model);
    }
    return true;
}

bool models_open(struct ai *ai, struct models **out, struct sdk_error *error)
{
    struct models *models = calloc(1, sizeof *models);
    pthread_condattr_t attributes;

    if (!models)
        return sdk_retry_later(error, "OutOfMemory", "no memory");
    models->ai = ai;
    pthread_mutex_init(&models->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&models->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (!models_check_settings(models, error) || !models_preload(models, error)) {
        models_close(models);
        return false;
    }
    *out = models;
    return true;
}

void models_close(struct models *models)
{
    if (!models)
        return;
    while (models->list)
        models_drop(models, models->list);
    onnx_api_close(models->api);
    pthread_cond_destroy(&models->changed);
    pthread_mutex_destroy(&models->lock);
    free(models);
}
