/* Running a model: tensors of ours to values of the library and back. See model.h. */
#include "onnx/model.h"

#include <stdlib.h>
#include <string.h>

/* The library copies strings; all else it reads where it is. */
static bool value_from_tensor(const struct onnx_api *api, const struct tensor *tensor,
                              struct onnx_value **out, struct sdk_error *error)
{
    if (tensor->type == TENSOR_STRING)
        return onnx_ok(api,
                       api->create_tensor(api->allocator, tensor->shape, tensor->rank, tensor->type,
                                          out),
                       error) &&
               onnx_ok(api,
                       api->fill_strings(*out, (const char *const *)tensor->bytes, tensor->count),
                       error);
    return onnx_ok(api,
                   api->wrap_tensor(api->memory, tensor->bytes, tensor_size(tensor), tensor->shape,
                                    tensor->rank, tensor->type, out),
                   error);
}

static bool strings_from_value(const struct onnx_api *api, struct onnx_value *value,
                               struct tensor *tensor, size_t max, struct sdk_error *error)
{
    size_t *offsets = calloc(tensor->count + 1, sizeof *offsets);
    char **texts = tensor->bytes;
    char *content = NULL;
    size_t len = 0;
    bool is_read;

    is_read = onnx_ok(api, api->strings_len(value, &len), error);
    if (is_read && len > max)
        is_read = sdk_refuse(error, "TooLarge",
                             "its strings have %zu bytes, more than tensorMax, "
                             "%zu",
                             len, max);
    content = malloc(len + 1);
    if (is_read && (!content || !offsets))
        is_read = sdk_retry_later(error, "OutOfMemory", "no memory for %zu bytes of strings", len);
    if (is_read && tensor->count > 0)
        is_read =
            onnx_ok(api, api->strings_content(value, content, len, offsets, tensor->count), error);
    if (is_read && tensor->count > 0) {
        offsets[tensor->count] = len;
        for (size_t i = 0; i < tensor->count; i++)
            texts[i] = strndup(content + offsets[i], offsets[i + 1] - offsets[i]);
    }
    free(content);
    free(offsets);
    return is_read;
}

static bool value_shape(const struct onnx_api *api, struct onnx_value *value, int *type,
                        size_t *rank, int64_t *shape, struct sdk_error *error)
{
    struct onnx_tensor_info *info = NULL;
    int is_tensor = 0;
    bool is_read;

    if (!onnx_ok(api, api->is_tensor(value, &is_tensor), error))
        return false;
    if (!is_tensor)
        return sdk_refuse(error, "ModelError", "it is a sequence or a map, not a tensor");
    if (!onnx_ok(api, api->shape_of(value, &info), error))
        return false;
    is_read = onnx_ok(api, api->element_type(info, type), error) &&
              onnx_ok(api, api->rank(info, rank), error);
    if (is_read && *rank > TENSOR_RANK_MAX)
        is_read = sdk_refuse(error, "ModelError", "it has %zu dimensions; at most %u can be used",
                             *rank, TENSOR_RANK_MAX);
    if (is_read && tensor_type_size(*type) == 0)
        is_read = sdk_refuse(error, "ModelError", "its elements have a type that cannot be used");
    if (is_read)
        is_read = onnx_ok(api, api->dims(info, shape, *rank), error);
    api->release_tensor_info(info);
    return is_read;
}

static bool value_to_tensor(const struct onnx_api *api, struct onnx_value *value, size_t max,
                            struct tensor *tensor, struct sdk_error *error)
{
    int64_t shape[TENSOR_RANK_MAX];
    size_t rank = 0;
    void *bytes = NULL;
    int type = TENSOR_NONE;

    if (!value_shape(api, value, &type, &rank, shape, error) ||
        !tensor_init(tensor, (enum tensor_type)type, shape, rank, max, error))
        return false;
    if (type == TENSOR_STRING)
        return strings_from_value(api, value, tensor, max, error);
    if (!onnx_ok(api, api->tensor_bytes(value, &bytes), error))
        return false;
    if (tensor->count > 0)
        memcpy(tensor->bytes, bytes, tensor_size(tensor));
    return true;
}

bool model_run(const struct model *model, const struct tensor *inputs, const size_t *wanted,
               size_t wanted_count, size_t output_max, const struct onnx_run_options *options,
               struct tensor *outputs, struct sdk_error *error)
{
    const struct onnx_api *api = model->api;
    const char *input_names[MODEL_PORTS_MAX] = {0}, *output_names[MODEL_PORTS_MAX] = {0};
    struct onnx_value *in[MODEL_PORTS_MAX] = {0}, *out[MODEL_PORTS_MAX] = {0};
    bool is_done = true;

    for (size_t i = 0; i < model->input_count && is_done; i++) {
        input_names[i] = model->inputs[i].name;
        is_done = value_from_tensor(api, &inputs[i], &in[i], error);
    }
    for (size_t i = 0; i < wanted_count; i++)
        output_names[i] = model->outputs[wanted[i]].name;
    if (is_done)
        is_done = onnx_ok(api,
                          api->run(model->session, options, input_names,
                                   (const struct onnx_value *const *)in, model->input_count,
                                   output_names, wanted_count, out),
                          error);
    for (size_t i = 0; i < wanted_count && is_done; i++) {
        is_done = value_to_tensor(api, out[i], output_max, &outputs[i], error);
        if (!is_done)
            sdk_error_wrap(error, "output \"%s\"", output_names[i]);
    }
    for (size_t i = 0; i < wanted_count; i++) {
        if (out[i])
            api->release_value(out[i]);
        if (!is_done)
            tensor_fini(&outputs[i]);
    }
    for (size_t i = 0; i < model->input_count; i++)
        if (in[i])
            api->release_value(in[i]);
    return is_done;
}
