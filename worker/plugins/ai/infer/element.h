/* One element of a tensor, from JSON and to JSON. Pure. */
#ifndef AI_INFER_ELEMENT_H
#define AI_INFER_ELEMENT_H

#include <jansson.h>

#include "onnx/tensor.h"

/* Element `index` of `tensor` from `value`. The error says what does not fit. */
bool element_set(struct tensor *tensor, size_t index, const json_t *value, struct sdk_error *error);
/* A new reference. What JSON has no number for (NaN, infinite) is null. */
json_t *element_get(const struct tensor *tensor, size_t index);

#endif
