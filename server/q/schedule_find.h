/* Series of repeatable jobs as the `scheduler` commands find and show them. Reads only. */
#ifndef Q_SCHEDULE_FIND_H
#define Q_SCHEDULE_FIND_H

#include "q/session.h"
#include "q/view.h"
#include "queue/schedule.h"

#define SCHEDULE_WALK_MAX 100000 /* series that are looked through for a name */

struct schedule_page {
    struct schedule items[SCHEDULE_KEYS_MAX];
    uint32_t count;
    uint32_t key_count; /* keys that were looked at: some may be gone by then */
};

/* Finds the queue, which must exist, and its dialect, which must have series. */
enum ct_code schedule_need_queue(struct session *session, const char *queue,
                                 struct ct_error *err) CT_MUST_CHECK;

/* Those from `offset` on, those that are next first; the last page has less than SCHEDULE_KEYS_MAX
 * keys. On success the caller calls schedule_page_clear. */
enum ct_code schedule_page(struct session *session, const char *queue, int64_t offset,
                           struct schedule_page *page, struct ct_error *err) CT_MUST_CHECK;
void schedule_page_clear(struct schedule_page *page);

/* The one with this key, else the only one whose jobs have this name, with data and options of its
 * job. NOT_FOUND; CONFLICT: the name is that of several. The caller calls schedule_fini. */
enum ct_code schedule_find(struct session *session, const char *queue, const char *key,
                           struct schedule *out, struct ct_error *err) CT_MUST_CHECK;

/* "delayed", "waiting" or "stopped". */
const char *schedule_state_name(const struct schedule *schedule);
/* Appends "0 9 * * 1-5", or "every 1m30s". */
void schedule_append_rule(struct ct_buf *buf, const struct schedule *schedule);
/* Appends "1m30s". */
void schedule_append_duration(struct ct_buf *buf, double ms);
/* The fields of one that JSON has, but data and options. */
void schedule_view(struct view *view, const struct schedule *schedule);

#endif
