/* A tensor as a member of a job's result. */
#ifndef AI_INFER_OUTPUT_H
#define AI_INFER_OUTPUT_H

#include <jansson.h>

#include "onnx/tensor.h"

enum output_form { OUTPUT_JSON, OUTPUT_NPY, OUTPUT_RAW };

/* A new reference: {type, shape, data | npy | raw}, which infer takes as an input, too. NULL, with
 * the error set, when memory is out. Strings are always JSON. */
json_t *output_write(const struct tensor *tensor, enum output_form form, struct sdk_error *error);

#endif
