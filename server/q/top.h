/* The live view of queues: what it knows (top_data.c), how that is drawn (top_draw.c), what keys do
 * (top_keys.c). */
#ifndef Q_TOP_H
#define Q_TOP_H

#include "q/screen.h"
#include "q/session.h"

#define TOP_QUEUES_MAX 1000
#define TOP_JOBS_MAX   INSPECT_PAGE_MAX

struct top_queue {
    char *name; /* owned */
    const struct dialect *dialect;
    struct inspect_counts counts;
    struct inspect_backlog backlog;
    int64_t counted_ms; /* monotonic; 0: never */
    int64_t workers;    /* -1: unknown */
    double in, out;     /* jobs a second since the last look; below 0: unknown */
    struct ct_error err;
};

struct top_job {
    char *id, *name, *detail; /* owned */
    int64_t added_ms, attempts;
};

struct top {
    struct session *session;
    struct look look;
    struct top_queue *queues; /* owned */
    size_t count;
    struct ct_error err; /* of the last look; code OK: all is well */
    int64_t looked_ms;   /* monotonic; of the last look at everything */
    /* --- jobs of the queue that is open --- */
    bool is_open;
    uint32_t state;
    int64_t offset, total;
    struct top_job jobs[TOP_JOBS_MAX];
    size_t job_count;
    /* --- what is shown --- */
    size_t selected, first; /* row of the list, and the first on the screen */
    size_t job_selected;
    struct ct_buf message; /* what the last key came to */
    char question;         /* key that waits for an answer; 0: none */
};

void top_fini(struct top *top);

/* Which queues there are: those that are named, else all. Keeps what is known of them. */
enum ct_code top_find(struct top *top, const char *const *args, size_t arg_count,
                      struct ct_error *err) CT_MUST_CHECK;
/* Looks at all that is shown; errors stay in `err` of top and of the queues. `rows`: jobs. */
void top_look(struct top *top, size_t rows);
struct top_queue *top_selected(struct top *top);
/* The session's calls are about the queue that is selected. */
void top_use_selected(struct top *top);
struct top_job *top_selected_job(struct top *top);

/* One frame. Returns how many rows the list has room for. */
size_t top_rows(const struct screen *screen);
void top_draw(struct top *top, struct screen *screen);
/* The same as lines on stdout, where nothing can be drawn. */
void top_print(struct top *top, size_t width);

#endif
