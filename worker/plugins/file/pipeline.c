/* The table of steps, and how they are chained: the output files of one are the inputs of the next.
 * Called by file.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "image/image.h"
#include "step.h"

static const struct file_step steps[] = {
    {"image", image_step},     {"checksum", checksum_step}, {"inspect", inspect_step},
    {"archive", archive_step}, {"transfer", transfer_step},
};
#define STEP_COUNT (sizeof steps / sizeof steps[0])

static const struct file_step *pipeline_find(const char *name)
{
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

static void pipeline_names(char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < STEP_COUNT && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", steps[i].name);
}

/* What the jobs of one pipeline have in common while it runs. */
struct pipeline {
    struct sdk_call *call;
    struct file_list files; /* made by the step before */
    unsigned serial;
};

static bool pipeline_step(struct pipeline *pipeline, const struct file_step *step,
                          struct sdk_reader *options, bool is_last, json_t **result)
{
    struct sdk_call *call = pipeline->call;
    struct file_work work = {
        .plugin = call->self,
        .call = call,
        .options = options,
        .inputs = &pipeline->files,
        .is_last = is_last,
        .serial = &pipeline->serial,
    };
    bool is_done;

    if (!sdk_call_goes_on(call))
        return false;
    call->host->phase(call->job, step->name);
    is_done = step->run(&work) && sdk_reader_ok(options);
    file_list_free(&pipeline->files);
    pipeline->files = work.outputs;
    if (is_done)
        *result = work.result;
    else
        json_decref(work.result);
    return is_done;
}

bool pipeline_run_single(struct sdk_call *call)
{
    const struct file_step *step = pipeline_find(call->name);
    struct sdk_reader options = sdk_reader(call->data, "data", &call->error);
    struct pipeline pipeline = {.call = call};
    char names[256];
    bool is_done;

    if (!step && image_is_queue_form(call->data))
        step = pipeline_find("image");
    if (!step) {
        pipeline_names(names, sizeof names);
        return sdk_refuse(&call->error, "UnknownJobError",
                          "this plugin has no job \"%.100s\"; it has: %s, pipeline", call->name,
                          names);
    }
    is_done = pipeline_step(&pipeline, step, &options, true, &call->result);
    file_list_free(&pipeline.files);
    return is_done;
}

/* Step `index` is an object of one member: the step's name and its options. */
static bool pipeline_run_at(struct pipeline *pipeline, struct sdk_reader *data, size_t index,
                            const json_t *entry, bool is_last, json_t *results)
{
    struct sdk_call *call = pipeline->call;
    const char *name = json_object_iter_key(json_object_iter((json_t *)entry));
    const struct file_step *step = name ? pipeline_find(name) : NULL;
    struct sdk_reader parent, options;
    json_t *result = NULL;
    char names[256];

    if (!step || json_object_size(entry) != 1) {
        pipeline_names(names, sizeof names);
        return sdk_refuse(&call->error, "ValidationError",
                          "data.steps[%zu]: a step is an object of one member, {\"NAME\": {...}}, "
                          "with one of these names: %s",
                          index, names);
    }
    parent = sdk_reader_at(data, "steps", index);
    options = sdk_reader_in(&parent, step->name);
    if (!sdk_reader_ok(&parent) || !sdk_reader_ok(&options))
        return false;
    if (!pipeline_step(pipeline, step, &options, is_last, &result))
        return sdk_error_wrap(&call->error, "step %zu (%s)", index + 1, step->name);
    if (!result)
        result = json_object();
    (void)json_object_set_new(result, "step", json_string(step->name));
    (void)json_array_append_new(results, result);
    return true;
}

bool pipeline_run(struct sdk_call *call)
{
    static const char *const members[] = {"steps", NULL};
    const struct file_plugin *plugin = call->self;
    struct sdk_reader data = sdk_reader(call->data, "data", &call->error);
    const json_t *list = sdk_array(&data, "steps", (size_t)plugin->settings.steps_max);
    struct pipeline pipeline = {.call = call};
    json_t *results;
    bool is_done = true;

    if (!sdk_reader_only(&data, members) || !sdk_reader_ok(&data))
        return false;
    if (json_array_size(list) == 0)
        return sdk_reader_refuse(&data, "steps", "it needs one step at least");
    results = json_array();
    for (size_t i = 0; is_done && i < json_array_size(list); i++)
        is_done = pipeline_run_at(&pipeline, &data, i, json_array_get(list, i),
                                  i + 1 == json_array_size(list), results);
    file_list_free(&pipeline.files);
    if (is_done)
        call->result = json_pack("{s:O}", "steps", results);
    json_decref(results);
    return is_done;
}
