/* Jobs named `infer`: a model of ONNX on tensors from the job's data. */
#ifndef AI_INFER_H
#define AI_INFER_H

#include "cartrita/sdk/call.h"

bool infer_run(struct sdk_call *call);

#endif
