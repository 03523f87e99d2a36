/* Walking over the letters of a dead-letter queue, for the `dead` commands: pages, filters, counts.
 * Reads only; what is done with the letters is the commands'. */
#ifndef Q_DEAD_H
#define Q_DEAD_H

#include "q/reason.h"
#include "q/session.h"
#include "queue/dead.h"

struct dead_filter {
    const char *name, *reason, *origin; /* NULL: any */
    int64_t older_ms, newer_ms;         /* 0: any */
    int64_t limit;                      /* 0: none */
};

#define DEAD_LIMIT_MAX 1000000000

/* Rows of an option table; `field` is a struct dead_filter in `type`. */
#define DEAD_FILTER_OPTIONS(type, field, limit_fallback, limit_help)                    \
    {.name = "name",                                                                    \
     .kind = CT_OPTION_STRING,                                                          \
     .offset = offsetof(type, field.name),                                              \
     .value_name = "NAME",                                                              \
     .group = "Which dead letters",                                                     \
     .help = "Of jobs with this name."},                                                \
        {.name = "reason",                                                              \
         .kind = CT_OPTION_STRING,                                                      \
         .offset = offsetof(type, field.reason),                                        \
         .value_name = "REGEX",                                                         \
         .help = "Of jobs that failed for such a reason: an extended regular "          \
                 "expression, found anywhere in failedReason."},                        \
        {.name = "origin",                                                              \
         .kind = CT_OPTION_STRING,                                                      \
         .offset = offsetof(type, field.origin),                                        \
         .value_name = "QUEUE",                                                         \
         .help = "Of jobs of this queue."},                                             \
        {.name = "older",                                                               \
         .kind = CT_OPTION_DURATION_MS,                                                 \
         .offset = offsetof(type, field.older_ms),                                      \
         .help = "Of jobs that failed longer ago: 500ms, 5s, 2m, 1h, 1d."},             \
        {.name = "newer",                                                               \
         .kind = CT_OPTION_DURATION_MS,                                                 \
         .offset = offsetof(type, field.newer_ms),                                      \
         .help = "Of jobs that failed more recently."},                                 \
    {                                                                                   \
        .name = "limit", .kind = CT_OPTION_INT, .offset = offsetof(type, field.limit),  \
        .fallback = limit_fallback, .min = 0, .max = DEAD_LIMIT_MAX, .unit = "letters", \
        .help = limit_help                                                              \
    }

struct dead_item {
    char *id; /* owned; in the dead-letter queue */
    struct dead_letter letter;
};

/* Letters that matched, out of one page or of one list of ids. */
struct dead_page {
    bool has_place; /* where they were: */
    uint32_t state;
    int64_t offset;
    struct dead_item items[INSPECT_PAGE_MAX];
    uint32_t count;
    uint32_t removed; /* set by the callback: so many of them are not in that state any more */
};

struct dead_walk {
    struct session *session;
    const struct dead_keeper *keeper;
    const char *queue;
    const struct dead_filter *filter;
    int64_t now_ms;
    struct reason reason;
    struct inspect_counts counts;
    /* --- of the last dead_walk_run --- */
    int64_t seen, foreign, matched; /* jobs; those that are no letters; letters that matched */
};

/* Checks the filter and the queue, which must exist. On success the caller calls dead_walk_fini. */
enum ct_code dead_walk_init(struct dead_walk *walk, struct session *session, const char *queue,
                            const struct dead_filter *filter, struct ct_error *err) CT_MUST_CHECK;
void dead_walk_fini(struct dead_walk *walk);

/* Hands the letters that match, page by page, to `on_page`; an error of it ends the walk. What
 * comes into the queue meanwhile is not looked at. `states`: indexes, in this order. */
typedef enum ct_code (*dead_page_fn)(void *ctx, struct dead_page *page, struct ct_error *err);
enum ct_code dead_walk_run(struct dead_walk *walk, const uint32_t *states, uint32_t state_count,
                           dead_page_fn on_page, void *ctx, struct ct_error *err) CT_MUST_CHECK;

/* One letter by its id, appended to `page` if it matches. NOT_FOUND: there is no such job;
 * CONFLICT: it is no dead letter. */
enum ct_code dead_walk_find(struct dead_walk *walk, const char *id, struct dead_page *page,
                            struct ct_error *err) CT_MUST_CHECK;

/* Empties it, with what the items hold. */
void dead_page_clear(struct dead_page *page);

/* When the job failed, as far as the letter says. */
int64_t dead_letter_moment(const struct dead_letter *letter);

#endif
