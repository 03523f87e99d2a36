/* NumPy's file format for one array, versions 1 to 3: little-endian, in C order. Pure. */
#ifndef AI_INFER_NPY_H
#define AI_INFER_NPY_H

#include "cartrita/sdk/text.h"
#include "onnx/tensor.h"

/* An array of at most `max` bytes; errors are permanent and say what is not understood. */
bool npy_read(const char *bytes, size_t len, size_t max, struct tensor *out,
              struct sdk_error *error);
/* Appends it; false when NumPy's format has nothing of its own for the type (strings). */
bool npy_write(const struct tensor *tensor, struct sdk_string *out);

#endif
