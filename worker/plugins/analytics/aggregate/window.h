/* The windows of an aggregate: from when to when, one after the other. Pure. */
#ifndef AGGREGATE_WINDOW_H
#define AGGREGATE_WINDOW_H

#include <stdint.h>

#include "cartrita/sdk/json.h"

struct windows {
    int64_t from_ms, to_ms; /* since 1970 */
    int64_t step_ms;        /* of one; 0: from_ms to to_ms is one window */
};

/* "window" ("minute", "hour", "day"), "from" and "to" of a job's data. A window without a time is
 * the last one that was over at `due_ms`, when the job was due: an attempt later means the same
 * one. More windows than `windows_max` are refused. */
bool windows_read(struct sdk_reader *data, int64_t due_ms, int64_t windows_max,
                  struct windows *out);

/* The window that begins at `from_ms`: when it ends. */
int64_t windows_end(const struct windows *windows, int64_t from_ms);

#endif
