/* See element.h. */
#include "infer/element.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: doubles up to here are exact integers */

static bool element_refuse(const struct tensor *tensor, size_t index, const json_t *value,
                           const char *hint, struct sdk_error *error)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    sdk_refuse(error, "ValidationError", "item %zu is %.60s, which is no %s%s", index,
               text ? text : "unreadable", tensor_type_name(tensor->type), hint);
    free(text);
    return false;
}

/* "NaN", "Infinity" and "-Infinity", for which JSON has no number. */
static bool element_float_text(const char *text, double *out)
{
    if (strcmp(text, "NaN") == 0)
        *out = NAN;
    else if (strcmp(text, "Infinity") == 0)
        *out = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *out = -INFINITY;
    else
        return false;
    return true;
}

static bool element_set_float(struct tensor *tensor, size_t index, const json_t *value,
                              struct sdk_error *error)
{
    bool is_text = json_is_string(value);
    double number = json_number_value(value);

    if (is_text ? !element_float_text(json_string_value(value), &number) : !json_is_number(value))
        return element_refuse(tensor, index, value, " (\"NaN\" and \"Infinity\" are)", error);
    if (tensor->type == TENSOR_FLOAT64) {
        ((double *)tensor->bytes)[index] = number;
        return true;
    }
    if (!is_text && fabs(number) > (double)FLT_MAX)
        return element_refuse(tensor, index, value, ": it is too large", error);
    ((float *)tensor->bytes)[index] = (float)number;
    return true;
}

/* Integers beyond what a JavaScript number holds may come as text. */
static bool element_integer(const json_t *value, int64_t *out)
{
    const char *text = json_string_value(value);
    double real = json_real_value(value);
    char *end;

    if (json_is_integer(value)) {
        *out = json_integer_value(value);
    } else if (json_is_real(value) && fabs(real) <= EXACT_MAX && floor(real) == real) {
        *out = (int64_t)real;
    } else if (text && *text) {
        errno = 0;
        *out = strtoll(text, &end, 10);
        return errno == 0 && *end == '\0';
    } else {
        return false;
    }
    return true;
}

static bool element_unsigned_text(const json_t *value, uint64_t *out)
{
    const char *text = json_string_value(value);
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Stores `number` when it is from min to max. */
#define STORE(type, min, max)                      \
    if (number < (min) || number > (int64_t)(max)) \
        break;                                     \
    ((type *)tensor->bytes)[index] = (type)number; \
    return true

static bool element_set_integer(struct tensor *tensor, size_t index, const json_t *value,
                                struct sdk_error *error)
{
    int64_t number = 0;

    if (tensor->type == TENSOR_UINT64 &&
        element_unsigned_text(value, &((uint64_t *)tensor->bytes)[index]))
        return true;
    if (!element_integer(value, &number))
        return element_refuse(tensor, index, value, "", error);
    switch (tensor->type) {
    case TENSOR_INT8:
        STORE(int8_t, INT8_MIN, INT8_MAX);
    case TENSOR_UINT8:
        STORE(uint8_t, 0, UINT8_MAX);
    case TENSOR_INT16:
        STORE(int16_t, INT16_MIN, INT16_MAX);
    case TENSOR_UINT16:
        STORE(uint16_t, 0, UINT16_MAX);
    case TENSOR_INT32:
        STORE(int32_t, INT32_MIN, INT32_MAX);
    case TENSOR_UINT32:
        STORE(uint32_t, 0, UINT32_MAX);
    case TENSOR_UINT64:
        STORE(uint64_t, 0, INT64_MAX);
    default:
        STORE(int64_t, INT64_MIN, INT64_MAX);
    }
    return element_refuse(tensor, index, value, ": it is out of range", error);
}

static bool element_set_bool(struct tensor *tensor, size_t index, const json_t *value,
                             struct sdk_error *error)
{
    bool is_bit = json_is_integer(value) &&
                  (json_integer_value(value) == 0 || json_integer_value(value) == 1);

    if (!json_is_boolean(value) && !is_bit)
        return element_refuse(tensor, index, value, "", error);
    ((uint8_t *)tensor->bytes)[index] = json_is_true(value) || json_integer_value(value) == 1;
    return true;
}

static bool element_set_string(struct tensor *tensor, size_t index, const json_t *value,
                               struct sdk_error *error)
{
    if (!json_is_string(value))
        return element_refuse(tensor, index, value, "", error);
    ((char **)tensor->bytes)[index] = strdup(json_string_value(value));
    if (!((char **)tensor->bytes)[index])
        return sdk_retry_later(error, "OutOfMemory", "no memory for a text");
    return true;
}

bool element_set(struct tensor *tensor, size_t index, const json_t *value, struct sdk_error *error)
{
    switch (tensor->type) {
    case TENSOR_FLOAT32:
    case TENSOR_FLOAT64:
        return element_set_float(tensor, index, value, error);
    case TENSOR_STRING:
        return element_set_string(tensor, index, value, error);
    case TENSOR_BOOL:
        return element_set_bool(tensor, index, value, error);
    case TENSOR_FLOAT16:
        return sdk_refuse(error, "ValidationError", "float16 is taken as npy or raw only");
    default:
        return element_set_integer(tensor, index, value, error);
    }
}

static double element_half(uint16_t bits)
{
    int exponent = (bits >> 10) & 0x1f;
    int fraction = bits & 0x3ff;
    double value = exponent == 31  ? (fraction ? NAN : INFINITY)
                   : exponent == 0 ? ldexp(fraction, -24)
                                   : ldexp(fraction + 1024, exponent - 25);

    return bits & 0x8000 ? -value : value;
}

static json_t *element_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *element_uint64(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_sprintf("%" PRIu64, value);
}

json_t *element_get(const struct tensor *tensor, size_t index)
{
    const void *bytes = tensor->bytes;

    switch (tensor->type) {
    case TENSOR_FLOAT32:
        return element_real((double)((const float *)bytes)[index]);
    case TENSOR_FLOAT64:
        return element_real(((const double *)bytes)[index]);
    case TENSOR_FLOAT16:
        return element_real(element_half(((const uint16_t *)bytes)[index]));
    case TENSOR_INT8:
        return json_integer(((const int8_t *)bytes)[index]);
    case TENSOR_UINT8:
        return json_integer(((const uint8_t *)bytes)[index]);
    case TENSOR_INT16:
        return json_integer(((const int16_t *)bytes)[index]);
    case TENSOR_UINT16:
        return json_integer(((const uint16_t *)bytes)[index]);
    case TENSOR_INT32:
        return json_integer(((const int32_t *)bytes)[index]);
    case TENSOR_UINT32:
        return json_integer(((const uint32_t *)bytes)[index]);
    case TENSOR_INT64:
        return json_integer(((const int64_t *)bytes)[index]);
    case TENSOR_UINT64:
        return element_uint64(((const uint64_t *)bytes)[index]);
    case TENSOR_BOOL:
        return json_boolean(((const uint8_t *)bytes)[index]);
    default: {
        const char *text = ((char *const *)bytes)[index];

        return text ? json_string(text) : json_null();
    }
    }
}
