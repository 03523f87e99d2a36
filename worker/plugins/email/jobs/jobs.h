/* The jobs of the plugin. Each ends as an sdk_handler_fn does. */
#ifndef EMAIL_JOBS_JOBS_H
#define EMAIL_JOBS_JOBS_H

#include "cartrita/sdk/call.h"

bool job_send(struct sdk_call *call);
bool job_bulk(struct sdk_call *call);
bool job_webhook(struct sdk_call *call);
bool job_slack(struct sdk_call *call);
/* Jobs of any other name: {type, data} and {type, recipient, message}. */
bool job_by_type(struct sdk_call *call);

#endif
