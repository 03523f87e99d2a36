/* When a series runs, as the command line says it. Called by `scheduler add` and
 * `scheduler next`. */
#ifndef Q_SCHEDULE_RULE_H
#define Q_SCHEDULE_RULE_H

#include <jansson.h>

#include "common/option.h"
#include "queue/schedule.h"

struct schedule_rule {
    const char *cron, *tz, *start, *end; /* NULL: not given */
    int64_t every_ms, offset_ms;         /* 0: not given */
};

#define SCHEDULE_EVERY_MAX_MS (INT64_C(366) * 86400000)

/* Rows of an option table; `field` is a struct schedule_rule in `type`. */
#define SCHEDULE_RULE_OPTIONS(type, field)                                                        \
    {.name = "cron",                                                                              \
     .kind = CT_OPTION_STRING,                                                                    \
     .offset = offsetof(type, field.cron),                                                        \
     .value_name = "EXPR",                                                                        \
     .group = "When",                                                                             \
     .help = "Five fields, or six with seconds first: \"0 9 * * 1-5\"."},                         \
        {.name = "every",                                                                         \
         .kind = CT_OPTION_DURATION_MS,                                                           \
         .offset = offsetof(type, field.every_ms),                                                \
         .min = 1,                                                                                \
         .max = SCHEDULE_EVERY_MAX_MS,                                                            \
         .help = "Instead: 30s, 5m, 1d. Bull counts from 1970, UTC; BullMQ from its first job."}, \
        {.name = "offset",                                                                        \
         .kind = CT_OPTION_DURATION_MS,                                                           \
         .offset = offsetof(type, field.offset_ms),                                               \
         .min = 1,                                                                                \
         .max = SCHEDULE_EVERY_MAX_MS,                                                            \
         .help = "--every so long after its multiples since 1970, UTC; BullMQ only."},            \
        {.name = "tz",                                                                            \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(type, field.tz),                                                      \
         .value_name = "ZONE",                                                                    \
         .help = "Whose clocks --cron goes by: Europe/Madrid, UTC, UTC+3. Without it those of "   \
                 "whichever worker works out the next time."},                                    \
        {.name = "start",                                                                         \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(type, field.start),                                                   \
         .value_name = "DATE",                                                                    \
         .help = "Not before: 2026-12-31T18:00, in --tz unless it ends in Z or an offset; "       \
                 "with Bull for --cron only."},                                                   \
    {                                                                                             \
        .name = "end", .kind = CT_OPTION_STRING, .offset = offsetof(type, field.end),             \
        .value_name = "DATE", .help = "Not after; written as --start is."                         \
    }

/* The `repeat` object of a job's options, for this dialect. USAGE: what was given does not go
 * together. */
enum ct_code schedule_rule_build(const struct schedule_rule *rule, const struct dialect *dialect,
                                 json_t **out, struct ct_error *err) CT_MUST_CHECK;

#endif
