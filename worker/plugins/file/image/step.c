/* Step `image`. */
#include "step.h"

#include "image/image.h"

bool image_step(struct file_work *work)
{
    return sdk_refuse(&work->call->error, "UnknownJobError", "no operation yet");
}
