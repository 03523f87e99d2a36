/* See input.h. */
#include "infer/input.h"

#include <stdio.h>
#include <string.h>

#include "cartrita/sdk/source.h"
#include "infer/element.h"
#include "infer/npy.h"

static bool input_type(const struct model_port *port, struct sdk_reader *in, enum tensor_type *type)
{
    const char *name = sdk_text(in, "type", NULL, 16);

    *type = name ? tensor_type_of(name) : (enum tensor_type)port->type;
    if (name && *type == TENSOR_NONE)
        return sdk_reader_refuse(in, "type", "\"%s\" is no type of tensors that is known here",
                                 name);
    if (tensor_type_size(*type) == 0 || port->is_other)
        return sdk_refuse(in->error, "ModelError",
                          "the model wants a type that cannot be given here");
    return sdk_reader_ok(in);
}

static bool input_shape(struct sdk_reader *in, int64_t *shape, size_t *rank)
{
    const json_t *list = sdk_array(in, "shape", TENSOR_RANK_MAX);
    const json_t *size;

    *rank = json_array_size(list);
    for (size_t i = 0; i < *rank; i++) {
        size = json_array_get(list, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return sdk_reader_refuse(in, "shape", "whole numbers from 0 on are expected");
        shape[i] = json_integer_value(size);
    }
    return sdk_reader_ok(in);
}

/* The shape of arrays in arrays, by the first item of each. */
static bool nested_shape(const json_t *value, int64_t *shape, size_t *rank, struct sdk_error *error)
{
    for (*rank = 0; json_is_array(value); value = json_array_get(value, 0)) {
        if (*rank == TENSOR_RANK_MAX)
            return sdk_refuse(error, "ValidationError", "more than %u dimensions", TENSOR_RANK_MAX);
        shape[(*rank)++] = (int64_t)json_array_size(value);
    }
    return true;
}

static bool nested_fill(struct tensor *tensor, const json_t *value, size_t depth, size_t *index,
                        struct sdk_error *error)
{
    const json_t *item;
    size_t i;

    if (depth == tensor->rank)
        return element_set(tensor, (*index)++, value, error);
    if (!json_is_array(value) || (int64_t)json_array_size(value) != tensor->shape[depth])
        return sdk_refuse(error, "ValidationError",
                          "the arrays are ragged: one has %lld items where the first has %lld",
                          (long long)json_array_size(value), (long long)tensor->shape[depth]);
    json_array_foreach(value, i,
                       item) if (!nested_fill(tensor, item, depth + 1, index, error)) return false;
    return true;
}

static bool input_nested(enum tensor_type type, const json_t *value, size_t max, struct tensor *out,
                         struct sdk_error *error)
{
    int64_t shape[TENSOR_RANK_MAX];
    size_t rank, index = 0;

    return nested_shape(value, shape, &rank, error) &&
           tensor_init(out, type, shape, rank, max, error) &&
           nested_fill(out, value, 0, &index, error);
}

/* {"data": [...], "shape": [...]}: all elements in one array. */
static bool input_flat(enum tensor_type type, struct sdk_reader *in, size_t max, struct tensor *out)
{
    const json_t *data = sdk_array(in, "data", SIZE_MAX);
    int64_t shape[TENSOR_RANK_MAX];
    const json_t *item;
    size_t rank, i;

    if (!sdk_reader_ok(in))
        return false;
    if (!sdk_has(in, "shape"))
        return input_nested(type, data, max, out, in->error);
    if (!input_shape(in, shape, &rank) || !tensor_init(out, type, shape, rank, max, in->error))
        return false;
    if (out->count != json_array_size(data))
        return sdk_reader_refuse(in, "data", "the shape has %zu elements, data has %zu", out->count,
                                 json_array_size(data));
    json_array_foreach(data, i, item) if (!element_set(out, i, item, in->error)) return false;
    return true;
}

/* {"raw": SOURCE, "shape": [...]}: the elements' bytes, little-endian. */
static bool input_raw(enum tensor_type type, struct sdk_reader *in, size_t max,
                      const struct sdk_content *content, struct tensor *out)
{
    int64_t shape[TENSOR_RANK_MAX];
    size_t rank;

    if (type == TENSOR_STRING)
        return sdk_reader_refuse(in, "raw", "strings cannot be given as bytes");
    if (!sdk_has(in, "shape"))
        return sdk_reader_refuse(in, "shape", "is missing; bytes alone have no shape");
    if (!input_shape(in, shape, &rank) || !tensor_init(out, type, shape, rank, max, in->error))
        return false;
    if (tensor_size(out) != content->len)
        return sdk_reader_refuse(in, "raw", "the shape needs %zu bytes, there are %zu",
                                 tensor_size(out), content->len);
    memcpy(out->bytes, content->bytes, content->len);
    return true;
}

static bool input_bytes(const struct ai *ai, struct sdk_call *call, enum tensor_type type,
                        const char *member, struct sdk_reader *in, struct tensor *out)
{
    size_t max = (size_t)ai->settings.tensor_max;
    struct sdk_sources sources = {ai->roots, ai->http, ai->settings.tensor_max + 4096};
    struct sdk_content content = {0};
    bool is_read;

    if (!sdk_source_read(&sources, call, in, member, &content))
        return false;
    if (strcmp(member, "npy") == 0)
        is_read = npy_read(content.bytes, content.len, max, out, in->error);
    else
        is_read = input_raw(type, in, max, &content, out);
    sdk_content_free(&content);
    return is_read;
}

static bool input_object(const struct ai *ai, struct sdk_call *call, const struct model_port *port,
                         const json_t *value, struct tensor *out, struct sdk_error *error)
{
    static const char *const names[] = {"data", "shape", "type", "npy", "raw", NULL};
    struct sdk_reader in = sdk_reader(value, port->name, error);
    enum tensor_type type;

    if (!sdk_reader_only(&in, names) || !input_type(port, &in, &type))
        return false;
    if (sdk_has(&in, "npy"))
        return input_bytes(ai, call, type, "npy", &in, out);
    if (sdk_has(&in, "raw"))
        return input_bytes(ai, call, type, "raw", &in, out);
    if (sdk_has(&in, "data"))
        return input_flat(type, &in, (size_t)ai->settings.tensor_max, out);
    return sdk_reader_refuse(&in, "data", "is missing (or npy, or raw)");
}

/* The library takes a byte of 2 for neither true nor false. */
static void input_tidy(struct tensor *tensor)
{
    uint8_t *bytes = tensor->bytes;

    for (size_t i = 0; tensor->type == TENSOR_BOOL && i < tensor->count; i++)
        bytes[i] = bytes[i] != 0;
}

bool input_read(const struct ai *ai, struct sdk_call *call, const struct model_port *port,
                const json_t *value, struct tensor *out, struct sdk_error *error)
{
    struct sdk_reader in = sdk_reader(NULL, port->name, error);
    enum tensor_type type;
    bool is_read;

    if (json_is_object(value))
        is_read = input_object(ai, call, port, value, out, error);
    else
        is_read = input_type(port, &in, &type) &&
                  input_nested(type, value, (size_t)ai->settings.tensor_max, out, error);
    if (!is_read)
        sdk_error_wrap(error, "input \"%s\"", port->name);
    else
        is_read = model_input_check(port, out, error);
    if (is_read)
        input_tidy(out);
    else
        tensor_fini(out);
    return is_read;
}
