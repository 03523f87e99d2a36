/* Jobs named `infer`. See infer.h and README.md; the parts are input.c, onnx/ and output.c. */
#include "infer/infer.h"

#include <string.h>
#include <time.h>

#include "ai.h"
#include "cartrita/sdk/json.h"
#include "infer/input.h"
#include "infer/output.h"
#include "onnx/batch.h"
#include "onnx/models.h"

#define INFER_NAME_MAX 4096u

struct infer {
    struct ai *ai;
    struct sdk_call *call;
    const char *name; /* of the model */
    enum output_form form;
    const json_t *given, *named; /* inputs; names of outputs, or NULL */
    const struct model *model;
    struct tensor inputs[MODEL_PORTS_MAX], outputs[MODEL_PORTS_MAX];
    size_t wanted[MODEL_PORTS_MAX];
    size_t wanted_count;
};

/* Names of inputs or outputs, for errors. */
static void infer_list(const struct model_port *ports, size_t count, char out[256])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && len < 200; i++) {
        len += strlen(strncat(out, i ? ", " : "", 255 - len)) - len;
        len += strlen(strncat(out, ports[i].name, 255 - len)) - len;
    }
}

static bool infer_read_inputs(struct infer *infer)
{
    const struct model *model = infer->model;
    struct sdk_error *error = &infer->call->error;
    const json_t *value;
    const char *name;
    char names[256], wanted[TENSOR_SHAPE_MAX + 32];

    json_object_foreach((json_t *)infer->given, name, value)
    {
        if (model_input_find(model, name) >= 0)
            continue;
        infer_list(model->inputs, model->input_count, names);
        return sdk_refuse(error, "ValidationError",
                          "input \"%.100s\": the model has none of that name, but %s", name, names);
    }
    for (size_t i = 0; i < model->input_count; i++) {
        value = json_object_get(infer->given, model->inputs[i].name);
        if (!value) {
            model_port_print(&model->inputs[i], wanted, sizeof wanted);
            return sdk_refuse(error, "ValidationError",
                              "input \"%s\" is missing: the model wants %s", model->inputs[i].name,
                              wanted);
        }
        if (!input_read(infer->ai, infer->call, &model->inputs[i], value, &infer->inputs[i], error))
            return false;
    }
    return true;
}

static bool infer_choose_outputs(struct infer *infer)
{
    const struct model *model = infer->model;
    char names[256];

    if (!infer->named) {
        for (size_t i = 0; i < model->output_count; i++)
            infer->wanted[infer->wanted_count++] = i;
        return true;
    }
    for (size_t i = 0; i < json_array_size(infer->named); i++) {
        const char *name = json_string_value(json_array_get(infer->named, i));
        int index = name ? model_output_find(model, name) : -1;

        if (index < 0) {
            infer_list(model->outputs, model->output_count, names);
            return sdk_refuse(&infer->call->error, "ValidationError",
                              "output \"%.100s\": the model has none of that name, but %s",
                              name ? name : "", names);
        }
        infer->wanted[infer->wanted_count++] = (size_t)index;
    }
    return true;
}

static bool infer_fits_result(const struct infer *infer)
{
    size_t size = 0;

    for (size_t i = 0; i < infer->wanted_count; i++)
        size += tensor_size(&infer->outputs[i]);
    if (size <= (size_t)infer->ai->settings.result_max)
        return true;
    return sdk_refuse(&infer->call->error, "TooLarge",
                      "the outputs have %zu bytes, more than resultMax, %lld; ask for fewer of "
                      "them with \"outputs\"",
                      size, (long long)infer->ai->settings.result_max);
}

static bool infer_write(struct infer *infer, size_t batch, double ms)
{
    json_t *outputs = json_object();

    if (!infer_fits_result(infer)) {
        json_decref(outputs);
        return false;
    }
    for (size_t i = 0; i < infer->wanted_count; i++) {
        json_t *output = output_write(&infer->outputs[i], infer->form, &infer->call->error);

        if (!output) {
            json_decref(outputs);
            return false;
        }
        json_object_set_new(outputs, infer->model->outputs[infer->wanted[i]].name, output);
    }
    infer->call->result = json_pack("{s:s, s:o, s:I, s:f}", "model", infer->name, "outputs",
                                    outputs, "batch", (json_int_t)batch, "ms", ms);
    return true;
}

static double infer_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* With the model held. */
static bool infer_with_model(struct infer *infer)
{
    struct batch_item item = {.call = infer->call,
                              .model = infer->model,
                              .inputs = infer->inputs,
                              .wanted = infer->wanted,
                              .outputs = infer->outputs};
    double since;

    if (!infer_choose_outputs(infer) || !infer_read_inputs(infer))
        return false;
    item.wanted_count = infer->wanted_count;
    infer->call->host->phase(infer->call->job, "run the model");
    since = infer_now_ms();
    if (!batch_run(infer->ai->batches, &item)) {
        infer->call->error = item.error;
        return sdk_error_wrap(&infer->call->error, "model \"%.200s\"", infer->name);
    }
    return infer_write(infer, item.batch, infer_now_ms() - since);
}

static bool infer_read(struct infer *infer)
{
    static const char *const members[] = {"model", "inputs", "outputs", "as", NULL};
    static const char *const forms[] = {"json", "npy", "raw", NULL};
    struct sdk_reader in = sdk_reader(infer->call->data, "data", &infer->call->error);

    sdk_reader_only(&in, members);
    infer->name = sdk_text(&in, "model", SDK_REQUIRED, INFER_NAME_MAX);
    infer->given = sdk_object(&in, "inputs");
    infer->named = sdk_array(&in, "outputs", MODEL_PORTS_MAX);
    infer->form = (enum output_form)sdk_choice(&in, "as", forms, OUTPUT_JSON);
    if (sdk_reader_ok(&in) && !infer->given)
        sdk_reader_refuse(&in, "inputs", "is missing; {\"NAME\": [...]} is expected");
    return sdk_reader_ok(&in);
}

bool infer_run(struct sdk_call *call)
{
    struct infer infer = {.ai = call->self, .call = call};
    bool is_done;

    if (!infer_read(&infer) ||
        !models_take(infer.ai->models, call, infer.name, false, &infer.model, &call->error))
        return false;
    is_done = infer_with_model(&infer);
    for (size_t i = 0; i < MODEL_PORTS_MAX; i++) {
        tensor_fini(&infer.inputs[i]);
        tensor_fini(&infer.outputs[i]);
    }
    models_release(infer.ai->models, infer.model);
    return is_done;
}
