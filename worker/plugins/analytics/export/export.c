#include "analytics.h"
bool analytics_export(struct sdk_call *call)
{
    return sdk_refuse(&call->error, "X", "x");
}
