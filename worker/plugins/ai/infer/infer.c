/* See infer.h. */
#include "infer/infer.h"

bool infer_run(struct sdk_call *call)
{
    return sdk_refuse(&call->error, "ModelError", "no model can be run yet");
}
