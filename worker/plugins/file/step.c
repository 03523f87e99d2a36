/* What all steps need: input files, output files, temporary files. See step.h. */
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cartrita/sdk/source.h"
#include "cartrita/sdk/text.h"

static const char *step_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* The job's temporary directory; NULL with an error. */
static const char *step_temp_dir(struct sdk_call *call)
{
    const char *dir = call->host->job_temp_dir(call->job);

    if (!dir)
        (void)sdk_retry_later(&call->error, "IOError",
                              "no temporary directory could be made for this job; the worker's log "
                              "says why");
    return dir;
}

char *file_temp_path(struct file_work *work, const char *name)
{
    const char *dir = step_temp_dir(work->call);
    char *path = NULL;

    if (!dir)
        return NULL;
    /* Cut in front, so that what the name ends with stays. */
    if (strlen(name) > FILE_NAME_MAX - 16)
        name += strlen(name) - (FILE_NAME_MAX - 16);
    if (asprintf(&path, "%s/%u-%s", dir, ++*work->serial, step_base_name(name)) < 0) {
        (void)sdk_retry_later(&work->call->error, "MemoryError", "out of memory");
        return NULL;
    }
    return path;
}

static bool step_is_temporary(struct file_work *work, const char *path)
{
    const char *dir = step_temp_dir(work->call);
    size_t len = dir ? strlen(dir) : 0;

    return dir && strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* --- lists --------------------------------------------------------------------------------------
 */

bool file_list_add(struct file_work *work, struct file_list *list, const char *path,
                   const char *name)
{
    struct sdk_error *error = &work->call->error;
    struct file_item *items;
    struct file_item item;

    if (list->count >= (size_t)work->plugin->settings.files_max)
        return sdk_refuse(error, "LimitError",
                          "more than %lld files in one step (the plugin's setting filesMax)",
                          (long long)work->plugin->settings.files_max);
    items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (!items)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    list->items = items;
    item.path = strdup(path);
    item.name = strdup(name);
    if (!item.path || !item.name) {
        free(item.path);
        free(item.name);
        return sdk_retry_later(error, "MemoryError", "out of memory");
    }
    items[list->count++] = item;
    return true;
}

void file_list_free(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        free(list->items[i].name);
    }
    free(list->items);
    *list = (struct file_list){0};
}

/* --- inputs -------------------------------------------------------------------------------------
 */

static bool step_add_source(struct file_work *work, struct sdk_reader *reader, const char *name,
                            struct file_list *out)
{
    struct sdk_call *call = work->call;
    char *path = NULL;
    bool is_done;

    if (!sdk_source_file(&work->plugin->sources, call, reader, name, &path, &call->error))
        return false;
    is_done = file_list_add(work, out, path, step_base_name(path));
    free(path);
    return is_done;
}

static bool step_add_inputs(struct file_work *work, const char *name, struct file_list *out)
{
    if (work->inputs->count == 0)
        return sdk_reader_refuse(work->options, name,
                                 "it is missing: a file as {\"path\": ...} or {\"url\": ...}");
    for (size_t i = 0; i < work->inputs->count; i++)
        if (!file_list_add(work, out, work->inputs->items[i].path, work->inputs->items[i].name))
            return false;
    return true;
}

bool file_inputs(struct file_work *work, const char *name, struct file_list *out)
{
    return sdk_has(work->options, name) ? step_add_source(work, work->options, name, out)
                                        : step_add_inputs(work, name, out);
}

bool file_inputs_many(struct file_work *work, const char *name, struct file_list *out)
{
    const json_t *array = sdk_array(work->options, name, (size_t)work->plugin->settings.files_max);
    char path[SDK_READER_PATH_MAX];
    bool is_done = true;

    if (!sdk_reader_ok(work->options))
        return false;
    if (!array)
        return step_add_inputs(work, name, out);
    for (size_t i = 0; is_done && i < json_array_size(array); i++) {
        /* What reads a source wants the member of an object. */
        json_t *one = json_pack("{s:O}", "source", json_array_get(array, i));
        struct sdk_reader reader;

        snprintf(path, sizeof path, "%.90s.%.40s[%zu]", work->options->path, name, i);
        reader = sdk_reader(one, path, &work->call->error);
        is_done = step_add_source(work, &reader, "source", out);
        json_decref(one);
    }
    return is_done;
}

bool file_each(struct file_work *work, file_each_fn each, void *ctx)
{
    struct file_list inputs = {0};
    json_t *files = json_array();
    bool is_done = sdk_has(work->options, "sources") ? file_inputs_many(work, "sources", &inputs)
                                                     : file_inputs(work, "source", &inputs);

    for (size_t i = 0; is_done && i < inputs.count; i++) {
        json_t *json = json_object();

        is_done = sdk_call_goes_on(work->call) && each(work, ctx, &inputs.items[i], json) &&
                  file_list_add(work, &work->outputs, inputs.items[i].path, inputs.items[i].name);
        (void)json_array_append_new(files, json);
    }
    if (is_done && inputs.count == 1)
        work->result = json_incref(json_array_get(files, 0));
    else if (is_done)
        work->result = json_pack("{s:O}", "files", files);
    json_decref(files);
    file_list_free(&inputs);
    return is_done;
}

int file_item_open(struct file_work *work, const struct file_item *item, int64_t *size)
{
    struct sdk_error *error = &work->call->error;
    bool is_temporary = step_is_temporary(work, item->path);
    int fd = sdk_file_open(is_temporary ? NULL : work->plugin->roots, item->path, size, error);

    if (fd >= 0 && *size > work->plugin->settings.input_max) {
        (void)sdk_refuse(error, "LimitError",
                         "%.300s has %lld bytes, more than %lld (the plugin's setting inputMax)",
                         item->name, (long long)*size, (long long)work->plugin->settings.input_max);
        close(fd);
        return -1;
    }
    return fd;
}

/* --- outputs ------------------------------------------------------------------------------------
 */

bool file_output_open(struct file_work *work, const char *path, const char *name,
                      struct file_output *out)
{
    struct sdk_error *error = &work->call->error;

    *out = (struct file_output){.output = {.fd = -1, .directory = -1}};
    out->is_temporary = !path;
    out->path = path ? strdup(path) : file_temp_path(work, name);
    out->name = strdup(path ? step_base_name(path) : name);
    if (path && (!out->path || !out->name))
        (void)sdk_retry_later(error, "MemoryError", "out of memory");
    if (out->path && out->name &&
        sdk_output_open(path ? work->plugin->roots : NULL, out->path, true, &out->output, error))
        return true;
    free(out->path);
    free(out->name);
    *out = (struct file_output){.output = {.fd = -1, .directory = -1}};
    return false;
}

bool file_output_write(struct file_work *work, struct file_output *out, const void *bytes,
                       size_t len)
{
    out->bytes += (int64_t)len;
    if (out->bytes > work->plugin->settings.output_max)
        return sdk_refuse(&work->call->error, "LimitError",
                          "%.300s grows over %lld bytes (the plugin's setting outputMax)",
                          out->name, (long long)work->plugin->settings.output_max);
    return sdk_output_write(&out->output, bytes, len, &work->call->error);
}

bool file_output_commit(struct file_work *work, struct file_output *out)
{
    bool is_done = sdk_output_commit(&out->output, &work->call->error) &&
                   file_list_add(work, &work->outputs, out->path, out->name);

    file_output_abort(out);
    return is_done;
}

void file_output_abort(struct file_output *out)
{
    if (out->path)
        sdk_output_abort(&out->output);
    free(out->path);
    free(out->name);
    *out = (struct file_output){.output = {.fd = -1, .directory = -1}};
}

bool file_inline(struct file_work *work, json_t *json, const void *bytes, size_t len)
{
    struct sdk_string text = {0};
    bool is_done;

    if (len > (size_t)work->plugin->settings.inline_max)
        return sdk_refuse(&work->call->error, "LimitError",
                          "the result has %zu bytes, more than the %lld that fit into a job's "
                          "result (the plugin's setting inlineMax): name a file with \"output\"",
                          len, (long long)work->plugin->settings.inline_max);
    sdk_base64_add(&text, bytes, len);
    is_done = !text.is_full &&
              json_object_set_new(json, "base64",
                                  json_stringn(text.bytes ? text.bytes : "", text.len)) == 0;
    sdk_string_free(&text);
    if (!is_done)
        return sdk_retry_later(&work->call->error, "MemoryError", "out of memory");
    return true;
}
