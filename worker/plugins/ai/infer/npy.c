/* See npy.h. The file: "\x93NUMPY", version, length of the header, the header (a dict as Python
 * writes it, padded with blanks and a line end to a multiple of 64), the elements. */
#include "infer/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_MAGIC      "\x93NUMPY"
#define NPY_MAGIC_LEN  6u
#define NPY_ALIGN      64u
#define NPY_HEADER_MAX 4096u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they are");

static const struct {
    const char *name;
    enum tensor_type type;
} descriptions[] = {
    {"<f4", TENSOR_FLOAT32}, {"<f8", TENSOR_FLOAT64}, {"<i8", TENSOR_INT64},
    {"<i4", TENSOR_INT32},   {"|u1", TENSOR_UINT8},   {"|b1", TENSOR_BOOL},
    {"|i1", TENSOR_INT8},    {"<u2", TENSOR_UINT16},  {"<i2", TENSOR_INT16},
    {"<u4", TENSOR_UINT32},  {"<u8", TENSOR_UINT64},  {"<f2", TENSOR_FLOAT16},
};
#define DESCRIPTION_COUNT (sizeof descriptions / sizeof descriptions[0])

/* What stands behind 'key': in the header; NULL when it is not there. */
static const char *npy_find(const char *header, const char *key)
{
    const char *at = strstr(header, key);

    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " ");
    if (*at != ':')
        return NULL;
    return at + 1 + strspn(at + 1, " ");
}

static bool npy_read_type(const char *header, enum tensor_type *type, struct sdk_error *error)
{
    const char *at = npy_find(header, "'descr'");

    for (size_t i = 0; at && i < DESCRIPTION_COUNT; i++)
        if (*at == '\'' && strncmp(at + 1, descriptions[i].name, 3) == 0 && at[4] == '\'') {
            *type = descriptions[i].type;
            return true;
        }
    return sdk_refuse(error, "ValidationError",
                      "npy: elements of type %.*s are not understood (little-endian numbers are)",
                      at ? (int)strcspn(at, ",}") : 7, at ? at : "unknown");
}

static bool npy_read_shape(const char *header, int64_t *shape, size_t *rank,
                           struct sdk_error *error)
{
    const char *at = npy_find(header, "'shape'");
    char *end;

    *rank = 0;
    if (!at || *at++ != '(')
        return sdk_refuse(error, "ValidationError", "npy: the header has no shape");
    for (at += strspn(at, " "); *at != ')'; at += strspn(at, " ,")) {
        if (*rank == TENSOR_RANK_MAX)
            return sdk_refuse(error, "ValidationError", "npy: more than %u dimensions",
                              TENSOR_RANK_MAX);
        shape[*rank] = strtoll(at, &end, 10);
        if (end == at || shape[(*rank)++] < 0)
            return sdk_refuse(error, "ValidationError", "npy: the shape is broken");
        at = end;
    }
    return true;
}

/* A copy of the header as text, and where the elements begin. */
static bool npy_read_header(const char *bytes, size_t len, char header[NPY_HEADER_MAX],
                            size_t *begin, struct sdk_error *error)
{
    const unsigned char *raw = (const unsigned char *)bytes;
    size_t header_len, at;

    if (len < 12 || memcmp(bytes, NPY_MAGIC, NPY_MAGIC_LEN) != 0)
        return sdk_refuse(error, "ValidationError", "npy: this is no .npy file");
    if (raw[6] < 1 || raw[6] > 3)
        return sdk_refuse(error, "ValidationError", "npy: version %u is not understood", raw[6]);
    header_len = raw[8] | (size_t)raw[9] << 8;
    if (raw[6] > 1)
        header_len |= (size_t)raw[10] << 16 | (size_t)raw[11] << 24;
    at = raw[6] > 1 ? 12 : 10;
    if (header_len >= NPY_HEADER_MAX || header_len > len - at)
        return sdk_refuse(error, "ValidationError", "npy: the header is cut off, or too long");
    memcpy(header, bytes + at, header_len);
    header[header_len] = '\0';
    *begin = at + header_len;
    return true;
}

bool npy_read(const char *bytes, size_t len, size_t max, struct tensor *out,
              struct sdk_error *error)
{
    char header[NPY_HEADER_MAX];
    int64_t shape[TENSOR_RANK_MAX];
    const char *order;
    enum tensor_type type = 0;
    size_t rank, begin = 0;

    if (!npy_read_header(bytes, len, header, &begin, error) ||
        !npy_read_type(header, &type, error) || !npy_read_shape(header, shape, &rank, error))
        return false;
    order = npy_find(header, "'fortran_order'");
    if (!order || strncmp(order, "False", 5) != 0)
        return sdk_refuse(error, "ValidationError",
                          "npy: the array is in Fortran order; save it with "
                          "numpy.ascontiguousarray");
    if (!tensor_init(out, type, shape, rank, max, error))
        return false;
    if (tensor_size(out) == len - begin) {
        memcpy(out->bytes, bytes + begin, tensor_size(out));
        return true;
    }
    sdk_refuse(error, "ValidationError", "npy: the shape needs %zu bytes, the file has %zu",
               tensor_size(out), len - begin);
    tensor_fini(out);
    return false;
}

bool npy_write(const struct tensor *tensor, struct sdk_string *out)
{
    char header[NPY_HEADER_MAX];
    const char *name = NULL;
    size_t len, padded;

    for (size_t i = 0; i < DESCRIPTION_COUNT; i++)
        if (descriptions[i].type == tensor->type)
            name = descriptions[i].name;
    if (!name)
        return false;
    len = (size_t)snprintf(header, sizeof header,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (", name);
    for (size_t i = 0; i < tensor->rank; i++)
        len += (size_t)snprintf(header + len, sizeof header - len, "%" PRId64 ",%s",
                                tensor->shape[i], i + 1 < tensor->rank ? " " : "");
    len += (size_t)snprintf(header + len, sizeof header - len, "), }");
    padded =
        (NPY_MAGIC_LEN + 4 + len + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN - (NPY_MAGIC_LEN + 4);
    memset(header + len, ' ', padded - len);
    header[padded - 1] = '\n';
    sdk_string_add(out, NPY_MAGIC, NPY_MAGIC_LEN);
    sdk_string_add(out, (const char[]){1, 0, (char)(padded & 0xff), (char)(padded >> 8)}, 4);
    sdk_string_add(out, header, padded);
    sdk_string_add(out, tensor->bytes, tensor_size(tensor));
    return true;
}
