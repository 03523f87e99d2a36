/* The events of one job: read from its data, checked, and written as rows for COPY. Pure. */
#ifndef TRACK_EVENT_H
#define TRACK_EVENT_H

#include <jansson.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"
#include "cartrita/sdk/text.h"

#define EVENT_TYPE_MAX 200u                /* bytes */
#define EVENT_USER_MAX 200u                /* bytes */
#define EVENT_ROWS_MAX (64u * 1024 * 1024) /* bytes of one job's rows */
#define EVENT_COPY_SQL \
    "COPY events (at, event_type, user_id, data, queue, job_id, position) FROM STDIN"

struct event_limits {
    int64_t events_max;         /* of one job */
    int64_t bytes_max;          /* of the data of one event */
    int64_t oldest_ms, last_ms; /* times of events, since 1970 */
};

struct event_rows {
    struct sdk_string rows;
    int64_t count;
    int64_t *times_ms; /* owned: one for each */
};

struct event_origin {
    const char *queue, *job_id;
    int64_t at_ms; /* for events without a time */
};

/* {eventType, data, userId, at} or {events: [...]}. Refused as a whole when one event is wrong.
 * Free `out` with event_rows_free either way. */
bool event_rows_read(const json_t *data, const struct event_origin *origin,
                     const struct event_limits *limits, struct event_rows *out,
                     struct sdk_error *error);
void event_rows_free(struct event_rows *rows);

#endif
