/* A report goes out as a follow-up job for a queue that plugin `email` serves. Called by report.c.
 */
#ifndef ANALYTICS_REPORT_MAIL_H
#define ANALYTICS_REPORT_MAIL_H

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/json.h"

struct mail_wish {
    const json_t *mail; /* member "mail" of the job's data; NULL: none is wanted */
    const char *queue;
};

/* Checks what can be checked before the query runs. `queue`: of the settings; NULL: none. */
bool mail_read(struct sdk_reader *data, const char *queue, struct mail_wish *wish);
/* Adds the job, with the file at `path` as attachment, and waits until Redis has it. Its id comes
 * from the report's: a retry adds no second one. `*id`: fresh memory. */
bool mail_enqueue(struct sdk_call *call, const struct mail_wish *wish, const char *path, char **id);

#endif
