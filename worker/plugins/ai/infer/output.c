/* See output.h. */
#include "infer/output.h"

#include <stdlib.h>

#include "cartrita/sdk/text.h"
#include "infer/element.h"
#include "infer/npy.h"

#define BASE64_MAX ((size_t)4 * 1024 * 1024 * 1024) /* tensorMax and resultMax bound it before */

static json_t *output_base64(const void *bytes, size_t len)
{
    struct sdk_string text = {.max = BASE64_MAX};
    json_t *json = NULL;

    sdk_base64_add(&text, bytes, len);
    if (!text.is_full)
        json = json_pack("{s:s%}", "base64", text.bytes ? text.bytes : "", text.len);
    sdk_string_free(&text);
    return json;
}

static json_t *output_npy(const struct tensor *tensor)
{
    struct sdk_string file = {.max = BASE64_MAX};
    json_t *json = NULL;

    if (npy_write(tensor, &file) && !file.is_full)
        json = output_base64(file.bytes, file.len);
    sdk_string_free(&file);
    return json;
}

static json_t *output_data(const struct tensor *tensor, size_t *odd_count)
{
    json_t *data = json_array();

    for (size_t i = 0; i < tensor->count; i++) {
        json_t *element = element_get(tensor, i);

        *odd_count += json_is_null(element);
        json_array_append_new(data, element);
    }
    return data;
}

json_t *output_write(const struct tensor *tensor, enum output_form form, struct sdk_error *error)
{
    json_t *shape = json_array();
    json_t *value;
    const char *name = "data";
    size_t odd_count = 0;

    for (size_t i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->shape[i]));
    if (tensor->type == TENSOR_STRING || form == OUTPUT_JSON) {
        value = output_data(tensor, &odd_count);
    } else if (form == OUTPUT_NPY) {
        name = "npy";
        value = output_npy(tensor);
    } else {
        name = "raw";
        value = output_base64(tensor->bytes, tensor_size(tensor));
    }
    value = json_pack("{s:s, s:o, s:o}", "type", tensor_type_name(tensor->type), "shape", shape,
                      name, value);
    if (!value)
        sdk_retry_later(error, "OutOfMemory", "no memory for a result");
    if (odd_count > 0)
        json_object_set_new(value, "nonFinite", json_integer((json_int_t)odd_count));
    return value;
}
