/* Partitions of the table of events, by time: made when an event needs one and a little ahead,
 * dropped as a whole when all in them is older than is kept. What time a partition covers is in its
 * name (events_d20260131, events_w..., events_m...), so that the span may be changed at any time.
 */
#ifndef SCHEMA_PARTITIONS_H
#define SCHEMA_PARTITIONS_H

#include "analytics.h"
#include "postgres/session.h"

/* In the order of the words in settings.c. Weeks begin on Monday. All in UTC. */
enum partition_span { PARTITION_DAY, PARTITION_WEEK, PARTITION_MONTH };

struct partition {
    enum partition_span span;
    int64_t from_ms, to_ms; /* since 1970 */
};

#define PARTITION_NAME_SIZE 32

/* Pure. */
struct partition partition_around(enum partition_span span, int64_t at_ms);
void partition_name(const struct partition *partition, char *name);
bool partition_parse(const char *name, struct partition *out);

struct partitions;

struct partitions *partitions_new(struct analytics *analytics);
void partitions_free(struct partitions *partitions); /* NULL is allowed */

/* There is a partition for each of these times afterwards. More than partitionsMax of them is a
 * permanent error. */
bool partitions_ensure(struct partitions *partitions, const int64_t *times_ms, size_t count,
                       const struct pg_stop *stop, struct sdk_error *error);
/* What is known is wrong: somebody has dropped one. */
void partitions_forget(struct partitions *partitions);
/* Drops those that end at `before_ms` or earlier. */
bool partitions_drop(struct partitions *partitions, int64_t before_ms, int64_t *dropped,
                     const struct pg_stop *stop, struct sdk_error *error);

#endif
