/* A tensor in memory of our own: what comes out of a job's data, and what goes into its result. */
#ifndef AI_ONNX_TENSOR_H
#define AI_ONNX_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

#define TENSOR_RANK_MAX  8u
#define TENSOR_SHAPE_MAX 512u /* bytes of a shape as text */

/* The numbers are ONNX's. */
enum tensor_type {
    TENSOR_NONE = 0,
    TENSOR_FLOAT32 = 1,
    TENSOR_UINT8 = 2,
    TENSOR_INT8 = 3,
    TENSOR_UINT16 = 4,
    TENSOR_INT16 = 5,
    TENSOR_INT32 = 6,
    TENSOR_INT64 = 7,
    TENSOR_STRING = 8,
    TENSOR_BOOL = 9,
    TENSOR_FLOAT16 = 10,
    TENSOR_FLOAT64 = 11,
    TENSOR_UINT32 = 12,
    TENSOR_UINT64 = 13,
};

struct tensor {
    enum tensor_type type;
    size_t rank;
    int64_t shape[TENSOR_RANK_MAX];
    size_t count; /* elements */
    void *bytes;  /* owned: the elements, row by row; of strings: owned char * */
};

/* "float32"; "type 16" for what is not known here. */
const char *tensor_type_name(int type);
/* TENSOR_NONE when there is no such type. */
enum tensor_type tensor_type_of(const char *name);
/* Bytes of one element; of strings, of its pointer; 0: not a type that is known here. */
size_t tensor_type_size(int type);
size_t tensor_size(const struct tensor *tensor);

/* Memory for `shape`, zeroed. false: larger than `max` bytes, which the error names as `limit`. */
bool tensor_init(struct tensor *tensor, enum tensor_type type, const int64_t *shape, size_t rank,
                 size_t max, struct sdk_error *error);
/* Safe on a zeroed one, and leaves one. */
void tensor_fini(struct tensor *tensor);

/* "[1, 3, 224, 224]". A dimension below 0 is a "?", or its name where `names` has one. */
void tensor_shape_print(const int64_t *shape, const char *const *names, size_t rank,
                        char out[TENSOR_SHAPE_MAX]);

#endif
