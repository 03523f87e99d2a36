/* Keys of series in the form that Bull has, and BullMQ had before 5.10: NAME:JOBID:END:TZ:CRON, and
 * for series by `every` NAME:JOBID:END:EVERY (Bull) or NAME:JOBID:END::EVERY (BullMQ). */
#ifndef DIALECT_SHARED_SERIES_KEY_H
#define DIALECT_SHARED_SERIES_KEY_H

#include "queue/schedule.h"

#define SERIES_KEY_READINGS_MAX 16 /* ways to read a key that are tried */

enum series_key_form { SERIES_KEY_BULL, SERIES_KEY_BULLMQ };

/* One way to read a key. */
struct series_key {
    struct ct_str name, job_id, end, tz, cron, every; /* in the key; cron or every is absent */
};

/* The ways to read a key, that of the dialect's own client first; how many there are. */
uint32_t series_key_read(struct ct_str key, enum series_key_form form,
                         struct series_key out[SERIES_KEY_READINGS_MAX]);
/* Whether BullMQ takes it for such a key, not for the id of a scheduler. */
bool series_key_is_legacy(struct ct_str key);

/* A schedule of which nothing but its key is known. */
void schedule_begin(struct schedule *schedule, struct ct_str key);
/* Fills in what the key says; false: it says nothing. */
bool series_key_fill(struct ct_str key, enum series_key_form form, struct schedule *schedule);

/* Appends "repeat:DIGEST:", what the ids of its jobs begin with; the slot follows. `joint`: what
 * the dialect puts in front of the inner digest. */
void series_id_append(const char *joint, struct ct_str name, struct ct_str job_id,
                      struct ct_str key, struct ct_buf *out);

#endif
