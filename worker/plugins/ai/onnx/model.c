/* Loading a model and looking at it. See model.h; running it is run.c. */
#include "onnx/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct onnx_status *name_fn(const struct onnx_session *session, size_t index,
                                    struct onnx_allocator *allocator, char **out);
typedef struct onnx_status *type_fn(const struct onnx_session *session, size_t index,
                                    struct onnx_type **out);

static bool port_read_shape(const struct onnx_api *api, struct model_port *port,
                            const struct onnx_tensor_info *info, struct sdk_error *error)
{
    const char *symbols[TENSOR_RANK_MAX];

    if (!onnx_ok(api, api->element_type(info, &port->type), error) ||
        !onnx_ok(api, api->rank(info, &port->rank), error))
        return false;
    if (port->rank > TENSOR_RANK_MAX)
        return sdk_refuse(error, "ModelError", "\"%s\" has %zu dimensions; at most %u can be used",
                          port->name, port->rank, TENSOR_RANK_MAX);
    if (!onnx_ok(api, api->dims(info, port->shape, port->rank), error) ||
        !onnx_ok(api, api->symbols(info, symbols, port->rank), error))
        return false;
    for (size_t i = 0; i < port->rank; i++)
        if (symbols[i] && symbols[i][0])
            port->symbols[i] = strdup(symbols[i]);
    return true;
}

static bool port_read(const struct onnx_api *api, const struct onnx_session *session, size_t index,
                      name_fn *name_of, type_fn *type_of, struct model_port *port,
                      struct sdk_error *error)
{
    const struct onnx_tensor_info *info;
    struct onnx_type *type = NULL;
    char *name = NULL;
    int kind;
    bool is_read;

    if (!onnx_ok(api, name_of(session, index, api->allocator, &name), error))
        return false;
    port->name = strdup(name);
    onnx_ok(api, api->allocator_free(api->allocator, name), error);
    if (!onnx_ok(api, type_of(session, index, &type), error))
        return false;
    is_read = onnx_ok(api, api->kind_of(type, &kind), error);
    port->is_other = is_read && kind != ONNX_KIND_TENSOR;
    if (is_read && !port->is_other)
        is_read = onnx_ok(api, api->tensor_info_of(type, &info), error) &&
                  port_read_shape(api, port, info, error);
    api->release_type(type);
    return is_read;
}

static bool model_read_ports(struct model *model, struct sdk_error *error)
{
    const struct onnx_api *api = model->api;
    size_t inputs, outputs;

    if (!onnx_ok(api, api->input_count(model->session, &inputs), error) ||
        !onnx_ok(api, api->output_count(model->session, &outputs), error))
        return false;
    if (inputs > MODEL_PORTS_MAX || outputs > MODEL_PORTS_MAX)
        return sdk_refuse(error, "ModelError",
                          "it has %zu inputs and %zu outputs; at most %u of each can be used",
                          inputs, outputs, MODEL_PORTS_MAX);
    for (; model->input_count < inputs; model->input_count++)
        if (!port_read(api, model->session, model->input_count, api->input_name, api->input_type,
                       &model->inputs[model->input_count], error))
            return false;
    for (; model->output_count < outputs; model->output_count++)
        if (!port_read(api, model->session, model->output_count, api->output_name, api->output_type,
                       &model->outputs[model->output_count], error))
            return false;
    return true;
}

static bool port_has_rows(const struct model_port *port, const char **symbol)
{
    if (port->is_other || port->rank == 0 || port->shape[0] >= 0 || port->type == TENSOR_STRING)
        return false;
    if (*symbol && port->symbols[0] && strcmp(*symbol, port->symbols[0]) != 0)
        return false;
    if (!*symbol)
        *symbol = port->symbols[0];
    return true;
}

/* A first dimension that is open everywhere, under one name where it has names, is a batch. (That
 * each output really has a row for each row is looked at again when it has run.) */
static bool model_has_rows(const struct model *model)
{
    const char *symbol = NULL;

    for (size_t i = 0; i < model->input_count; i++)
        if (!port_has_rows(&model->inputs[i], &symbol))
            return false;
    for (size_t i = 0; i < model->output_count; i++)
        if (!port_has_rows(&model->outputs[i], &symbol))
            return false;
    return model->input_count > 0;
}

/* Patterns of memory are kept for each shape; batches have many. */
static bool model_create(struct model *model, const char *path, int64_t intra_threads,
                         struct sdk_error *error)
{
    const struct onnx_api *api = model->api;
    struct onnx_options *options = NULL;
    bool is_made;

    if (!onnx_ok(api, api->create_options(&options), error))
        return false;
    is_made = onnx_ok(api, api->set_intra_threads(options, (int)intra_threads), error) &&
              onnx_ok(api, api->disable_pattern(options), error) &&
              onnx_ok(api, api->create_session(api->env, path, options, &model->session), error);
    api->release_options(options);
    return is_made;
}

bool model_open(const struct onnx_api *api, const char *path, int64_t intra_threads,
                struct model **out, struct sdk_error *error)
{
    struct model *model = calloc(1, sizeof *model);

    if (!model)
        return sdk_retry_later(error, "OutOfMemory", "no memory for a model");
    model->api = api;
    if (!model_create(model, path, intra_threads, error) || !model_read_ports(model, error)) {
        model_close(model);
        return false;
    }
    model->is_batchable = model_has_rows(model);
    *out = model;
    return true;
}

static void ports_free(struct model_port *ports)
{
    for (size_t i = 0; i < MODEL_PORTS_MAX; i++) {
        free(ports[i].name);
        for (size_t k = 0; k < TENSOR_RANK_MAX; k++)
            free(ports[i].symbols[k]);
    }
}

void model_close(struct model *model)
{
    if (!model)
        return;
    if (model->session)
        model->api->release_session(model->session);
    ports_free(model->inputs);
    ports_free(model->outputs);
    free(model);
}

static int port_find(const struct model_port *ports, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ports[i].name, name) == 0)
            return (int)i;
    return -1;
}

int model_input_find(const struct model *model, const char *name)
{
    return port_find(model->inputs, model->input_count, name);
}

int model_output_find(const struct model *model, const char *name)
{
    return port_find(model->outputs, model->output_count, name);
}

void model_port_print(const struct model_port *port, char *out, size_t size)
{
    char shape[TENSOR_SHAPE_MAX];

    tensor_shape_print(port->shape, (const char *const *)port->symbols, port->rank, shape);
    if (port->is_other)
        snprintf(out, size, "a sequence or map");
    else
        snprintf(out, size, "%s %s", tensor_type_name(port->type), shape);
}

bool model_input_check(const struct model_port *port, const struct tensor *tensor,
                       struct sdk_error *error)
{
    char wanted[TENSOR_SHAPE_MAX + 32], got[TENSOR_SHAPE_MAX];
    bool fits = !port->is_other && (int)tensor->type == port->type && tensor->rank == port->rank;

    for (size_t i = 0; fits && i < port->rank; i++)
        fits = port->shape[i] < 0 || port->shape[i] == tensor->shape[i];
    if (fits)
        return true;
    model_port_print(port, wanted, sizeof wanted);
    tensor_shape_print(tensor->shape, NULL, tensor->rank, got);
    if ((int)tensor->type != port->type)
        return sdk_refuse(error, "ValidationError", "input \"%s\": the model wants %s, got %s %s",
                          port->name, wanted, tensor_type_name(tensor->type), got);
    return sdk_refuse(error, "ValidationError", "input \"%s\": the model wants %s, got %s",
                      port->name, wanted, got);
}
