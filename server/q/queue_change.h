/* Changing a queue as a whole, call by call until it is done. Called by the `queue` commands. */
#ifndef Q_QUEUE_CHANGE_H
#define Q_QUEUE_CHANGE_H

#include "q/session.h"
#include "queue/manage.h"

/* The counts of a queue that exists and whose dialect can change it. */
enum ct_code queue_change_open(struct session *session, const char *queue,
                               struct inspect_counts *out, struct ct_error *err) CT_MUST_CHECK;

/* For all workers. */
enum ct_code queue_change_pause(struct session *session, const char *queue, bool is_pause,
                                struct ct_error *err) CT_MUST_CHECK;

/* *out: how it ended, never MORE. `total`: jobs, for the progress; *removed: those that went. */
enum ct_code queue_change_erase(struct session *session, const char *queue, enum manage_erase how,
                                int64_t total, enum manage_erased *out, int64_t *removed,
                                struct ct_error *err) CT_MUST_CHECK;

#endif
