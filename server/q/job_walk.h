/* Which jobs of a queue: by state, name, reason and age; walked page by page, oldest first unless
 * wanted otherwise. Reads only; what is done with them is the commands'. */
#ifndef Q_JOB_WALK_H
#define Q_JOB_WALK_H

#include "q/progress.h"
#include "q/reason.h"
#include "q/session.h"

struct job_filter {
    const char *name, *reason;  /* NULL: any */
    struct ct_option_list data; /* PATH=VALUE; all of them */
    const char *data_text;      /* NULL: any */
    int64_t older_ms, newer_ms; /* 0: any */
    int64_t limit;              /* 0: none */
};

#define JOB_LIMIT_MAX 1000000000

/* Rows of an option table; `field` is a struct job_filter in `type`. */
#define JOB_MATCH_OPTIONS(type, field)                                                            \
    {.name = "name",                                                                              \
     .kind = CT_OPTION_STRING,                                                                    \
     .offset = offsetof(type, field.name),                                                        \
     .value_name = "NAME",                                                                        \
     .group = "Which jobs",                                                                       \
     .help = "With this name."},                                                                  \
        {.name = "reason",                                                                        \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(type, field.reason),                                                  \
         .value_name = "REGEX",                                                                   \
         .help = "That failed for such a reason: an extended regular expression, found "          \
                 "anywhere in failedReason."},                                                    \
        {.name = "data",                                                                          \
         .kind = CT_OPTION_LIST,                                                                  \
         .offset = offsetof(type, field.data),                                                    \
         .value_name = "PATH=VALUE",                                                              \
         .help = "Whose data has this value: to.name=Ada, items.0.id=7. Repeated: all of them."}, \
        {.name = "data-contains",                                                                 \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(type, field.data_text),                                               \
         .value_name = "TEXT",                                                                    \
         .help = "Whose data, as the JSON text it is stored as, has TEXT in it."},                \
        {.name = "older",                                                                         \
         .kind = CT_OPTION_DURATION_MS,                                                           \
         .offset = offsetof(type, field.older_ms),                                                \
         .help = "That ended, began or were added longer ago (the latest of these that "          \
                 "has happened): 500ms, 5s, 2m, 1h, 1d."},                                        \
    {                                                                                             \
        .name = "newer", .kind = CT_OPTION_DURATION_MS, .offset = offsetof(type, field.newer_ms), \
        .help = "The same, more recently."                                                        \
    }
/* The same and how many. */
#define JOB_FILTER_OPTIONS(type, field)                                                \
    JOB_MATCH_OPTIONS(type, field),                                                    \
    {                                                                                  \
        .name = "limit", .kind = CT_OPTION_INT, .offset = offsetof(type, field.limit), \
        .fallback = "0", .min = 0, .max = JOB_LIMIT_MAX, .unit = "jobs",               \
        .help = "So many of them, the oldest; 0: all."                                 \
    }

/* Jobs that matched, out of one page. */
struct job_page {
    uint32_t state;
    int64_t offset;              /* where the page began */
    char *ids[INSPECT_PAGE_MAX]; /* owned */
    uint32_t count;
    uint32_t removed; /* set by the callback: so many of them are not in that state any more */
};

/* Each job that matches, before the page that it is on. */
typedef void (*job_match_fn)(void *ctx, uint32_t state, const struct inspect_job *job);

struct job_walk {
    struct session *session;
    const char *queue;
    const struct job_filter *filter;
    int64_t now_ms;
    struct reason reason;
    struct inspect_counts counts;
    bool is_by_state;          /* in the order that each state is listed in, not oldest first */
    bool has_bodies;           /* the matching jobs are wanted with their large fields */
    struct progress *progress; /* NULL: none */
    job_match_fn on_match;     /* NULL: none */
    void *ctx;
    bool takes_missing;    /* also ids whose hash is gone, where nothing but age is asked for */
    int64_t seen, matched; /* of the last job_walk_run */
};

/* Checks the filter and the queue, which must exist. On success the caller calls job_walk_fini. */
enum ct_code job_walk_init(struct job_walk *walk, struct session *session, const char *queue,
                           const struct job_filter *filter, struct ct_error *err) CT_MUST_CHECK;
void job_walk_fini(struct job_walk *walk);

/* Hands the jobs that match, page by page, to `on_page`; an error of it, or a signal where they are
 * caught (q/progress.h), ends the walk. What comes
 * into the queue meanwhile is not looked at. `states`: indexes, in this order. */
typedef enum ct_code (*job_page_fn)(void *ctx, struct job_page *page, struct ct_error *err);
enum ct_code job_walk_run(struct job_walk *walk, const uint32_t *states, uint32_t state_count,
                          job_page_fn on_page, void *ctx, struct ct_error *err) CT_MUST_CHECK;

/* How many match; without a look at them where the queue's counts tell. */
enum ct_code job_walk_count(struct job_walk *walk, const uint32_t *states, uint32_t state_count,
                            int64_t *out, struct ct_error *err) CT_MUST_CHECK;

/* Whether these are states of any dialect; USAGE with the nearest one. Before there is a queue. */
enum ct_code job_walk_check_states(const struct ct_option_list *names,
                                   struct ct_error *err) CT_MUST_CHECK;
/* The index of a state by its name; USAGE when the queue's dialect has no such state. */
enum ct_code job_walk_state(const struct session *session, const char *name, uint32_t *out,
                            struct ct_error *err) CT_MUST_CHECK;

#endif
