/* A tensor from a job's data, in one of the ways README.md lists. */
#ifndef AI_INFER_INPUT_H
#define AI_INFER_INPUT_H

#include <jansson.h>

#include "ai.h"
#include "onnx/model.h"

/* Reads `value` for the input `port` and checks that it fits; errors begin with its name. */
bool input_read(const struct ai *ai, struct sdk_call *call, const struct model_port *port,
                const json_t *value, struct tensor *out, struct sdk_error *error);

#endif
