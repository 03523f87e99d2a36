/* See tensor.h. */
#include "onnx/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum tensor_type type;
    const char *name;
    size_t size;
} types[] = {
    {TENSOR_FLOAT32, "float32", 4},
    {TENSOR_FLOAT64, "float64", 8},
    {TENSOR_INT64, "int64", 8},
    {TENSOR_INT32, "int32", 4},
    {TENSOR_UINT8, "uint8", 1},
    {TENSOR_BOOL, "bool", 1},
    {TENSOR_STRING, "string", sizeof(char *)},
    {TENSOR_INT8, "int8", 1},
    {TENSOR_UINT16, "uint16", 2},
    {TENSOR_INT16, "int16", 2},
    {TENSOR_UINT32, "uint32", 4},
    {TENSOR_UINT64, "uint64", 8},
    {TENSOR_FLOAT16, "float16", 2},
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

const char *tensor_type_name(int type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if ((int)types[i].type == type)
            return types[i].name;
    return "a type that is not supported";
}

enum tensor_type tensor_type_of(const char *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return TENSOR_NONE;
}

size_t tensor_type_size(int type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if ((int)types[i].type == type)
            return types[i].size;
    return 0;
}

size_t tensor_size(const struct tensor *tensor)
{
    return tensor->count * tensor_type_size(tensor->type);
}

bool tensor_init(struct tensor *tensor, enum tensor_type type, const int64_t *shape, size_t rank,
                 size_t max, struct sdk_error *error)
{
    char text[TENSOR_SHAPE_MAX];
    size_t most = max / tensor_type_size(type);
    size_t count = 1;
    bool is_too_large = false;

    memset(tensor, 0, sizeof *tensor);
    tensor->type = type;
    tensor->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        if (shape[i] > 0 && count > most / (size_t)shape[i])
            is_too_large = true;
        else
            count *= (size_t)shape[i];
    }
    if (is_too_large) {
        tensor_shape_print(shape, NULL, rank, text);
        return sdk_refuse(error, "TooLarge", "%s %s is larger than tensorMax, %zu bytes",
                          tensor_type_name(type), text, max);
    }
    tensor->count = count;
    tensor->bytes = calloc(count ? count : 1, tensor_type_size(type));
    if (!tensor->bytes)
        return sdk_retry_later(error, "OutOfMemory", "no memory for a tensor of %zu bytes",
                               tensor_size(tensor));
    return true;
}

void tensor_fini(struct tensor *tensor)
{
    if (tensor->type == TENSOR_STRING && tensor->bytes)
        for (size_t i = 0; i < tensor->count; i++)
            free(((char **)tensor->bytes)[i]);
    free(tensor->bytes);
    memset(tensor, 0, sizeof *tensor);
}

void tensor_shape_print(const int64_t *shape, const char *const *names, size_t rank,
                        char out[TENSOR_SHAPE_MAX])
{
    size_t at = (size_t)snprintf(out, TENSOR_SHAPE_MAX, "[");

    for (size_t i = 0; i < rank && at < TENSOR_SHAPE_MAX; i++) {
        const char *comma = i ? ", " : "";
        size_t left = TENSOR_SHAPE_MAX - at;

        if (shape[i] >= 0)
            at += (size_t)snprintf(out + at, left, "%s%" PRId64, comma, shape[i]);
        else
            at += (size_t)snprintf(out + at, left, "%s%.40s", comma,
                                   names && names[i] && names[i][0] ? names[i] : "?");
    }
    if (at < TENSOR_SHAPE_MAX)
        snprintf(out + at, TENSOR_SHAPE_MAX - at, "]");
}
