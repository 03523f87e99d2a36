/* Step `checksum`. */
#include "step.h"

bool checksum_step(struct file_work *work)
{
    return sdk_refuse(&work->call->error, "UnknownJobError", "no checksum yet");
}
