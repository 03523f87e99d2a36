/* Step `inspect`. */
#include "step.h"

bool inspect_step(struct file_work *work)
{
    return sdk_refuse(&work->call->error, "UnknownJobError", "no inspection yet");
}
