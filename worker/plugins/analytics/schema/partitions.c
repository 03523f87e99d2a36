/* Which partitions there are, and making and dropping them. See partitions.h.
 *
 * The list in memory is what the catalogue said last; it is asked again, under a lock that all
 * runners share, before anything is made or dropped. Making one does not stop those who write:
 * the table is created beside the others and attached then. */
#include "schema/partitions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION_DROP_MAX 200 /* of one call */

struct partitions {
    struct analytics *analytics; /* borrowed */
    pthread_mutex_t lock;
    struct partition *list; /* owned; under the lock */
    size_t count;
};

struct partitions *partitions_new(struct analytics *analytics)
{
    struct partitions *partitions = calloc(1, sizeof *partitions);

    if (!partitions)
        abort();
    partitions->analytics = analytics;
    pthread_mutex_init(&partitions->lock, NULL);
    return partitions;
}

void partitions_free(struct partitions *partitions)
{
    if (!partitions)
        return;
    pthread_mutex_destroy(&partitions->lock);
    free(partitions->list);
    free(partitions);
}

/* What the catalogue says, of one moment. */
struct partition_set {
    struct partition *list; /* owned */
    size_t count;
};

static bool set_covers(const struct partition_set *set, int64_t at_ms)
{
    for (size_t i = 0; i < set->count; i++)
        if (at_ms >= set->list[i].from_ms && at_ms < set->list[i].to_ms)
            return true;
    return false;
}

static bool set_overlaps(const struct partition_set *set, const struct partition *one)
{
    for (size_t i = 0; i < set->count; i++)
        if (one->from_ms < set->list[i].to_ms && one->to_ms > set->list[i].from_ms)
            return true;
    return false;
}

static void set_add(struct partition_set *set, const struct partition *one)
{
    struct partition *list = realloc(set->list, (set->count + 1) * sizeof *list);

    if (!list)
        abort();
    set->list = list;
    list[set->count++] = *one;
}

static bool set_load(struct pg_session *session, struct partition_set *set, struct sdk_error *error)
{
    PGresult *result = NULL;
    struct partition one;

    if (!pg_run(session,
                "SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c"
                " ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass",
                NULL, &result, error))
        return false;
    for (int i = 0; i < PQntuples(result); i++)
        if (partition_parse(PQgetvalue(result, i, 0), &one))
            set_add(set, &one);
    PQclear(result);
    return true;
}

/* A transaction in which nobody else makes or drops any. A lock that a reader holds for long is not
 * waited for: all who write would wait behind us. */
static bool partitions_begin(struct partitions *partitions, const struct pg_stop *stop,
                             struct pg_session **session, struct partition_set *set,
                             struct sdk_error *error)
{
    const struct analytics_settings *settings = &partitions->analytics->settings;
    struct pg_want want = {.schema = settings->schema_name,
                           .timeout_ms = settings->statement_timeout_ms,
                           .stop = *stop};

    if (!pg_begin(partitions->analytics->primary, &want, session, error))
        return false;
    if (pg_run(*session,
               "SELECT pg_advisory_xact_lock(hashtext('cartrita analytics partitions'));"
               " SET LOCAL lock_timeout = '2s'",
               NULL, NULL, error) &&
        set_load(*session, set, error))
        return true;
    pg_rollback(*session);
    free(set->list);
    *set = (struct partition_set){0};
    return false;
}

/* Takes the set over. */
static void partitions_learn(struct partitions *partitions, struct partition_set *set)
{
    pthread_mutex_lock(&partitions->lock);
    free(partitions->list);
    partitions->list = set->list;
    partitions->count = set->count;
    pthread_mutex_unlock(&partitions->lock);
    *set = (struct partition_set){0};
}

void partitions_forget(struct partitions *partitions)
{
    struct partition_set none = {0};

    partitions_learn(partitions, &none);
}

static bool partition_make(struct pg_session *session, const struct partition *one,
                           struct sdk_error *error)
{
    char name[PARTITION_NAME_SIZE], sql[512];

    partition_name(one, name);
    snprintf(sql, sizeof sql,
             "CREATE TABLE %s (LIKE events INCLUDING DEFAULTS INCLUDING STORAGE);"
             " ALTER TABLE events ATTACH PARTITION %s FOR VALUES FROM (to_timestamp(%lld)) TO"
             " (to_timestamp(%lld))",
             name, name, (long long)(one->from_ms / 1000), (long long)(one->to_ms / 1000));
    return pg_run(session, sql, NULL, NULL, error) ||
           sdk_error_wrap(error, "making partition %s", name);
}

/* Where the span was another one before, its partitions may cover a part of what we want: then the
 * day alone, which is either covered or free. */
static bool partitions_add(struct partitions *partitions, struct pg_session *session,
                           struct partition_set *set, int64_t at_ms, struct sdk_error *error)
{
    const struct analytics_settings *settings = &partitions->analytics->settings;
    struct partition one = partition_around((enum partition_span)settings->partition, at_ms);

    if (set_covers(set, at_ms))
        return true;
    if (set->count >= (size_t)settings->partitions_max)
        return sdk_refuse(error, "PartitionError",
                          "the events lie in %zu partitions, and partitionsMax is %lld: raise it, "
                          "choose a longer partition, or set retention",
                          set->count, (long long)settings->partitions_max);
    if (set_overlaps(set, &one))
        one = partition_around(PARTITION_DAY, at_ms);
    if (!partition_make(session, &one, error))
        return false;
    set_add(set, &one);
    return true;
}

static bool partitions_are_known(struct partitions *partitions, const int64_t *times_ms,
                                 size_t count)
{
    struct partition_set set;
    bool are_known = true;

    pthread_mutex_lock(&partitions->lock);
    set = (struct partition_set){.list = partitions->list, .count = partitions->count};
    for (size_t i = 0; are_known && i < count; i++)
        are_known = set_covers(&set, times_ms[i]);
    pthread_mutex_unlock(&partitions->lock);
    return are_known;
}

bool partitions_ensure(struct partitions *partitions, const int64_t *times_ms, size_t count,
                       const struct pg_stop *stop, struct sdk_error *error)
{
    struct partition_set set = {0};
    struct pg_session *session;
    bool is_done = true;

    if (partitions_are_known(partitions, times_ms, count))
        return true;
    if (!partitions_begin(partitions, stop, &session, &set, error))
        return false;
    for (size_t i = 0; is_done && i < count; i++)
        is_done = partitions_add(partitions, session, &set, times_ms[i], error);
    if (!is_done)
        pg_rollback(session);
    else
        is_done = pg_commit(session, error);
    if (is_done)
        partitions_learn(partitions, &set);
    free(set.list);
    return is_done;
}

bool partitions_drop(struct partitions *partitions, int64_t before_ms, int64_t *dropped,
                     const struct pg_stop *stop, struct sdk_error *error)
{
    struct partition_set set = {0};
    struct pg_session *session;
    bool is_done = true;

    if (!partitions_begin(partitions, stop, &session, &set, error))
        return false;
    *dropped = 0;
    for (size_t i = 0; is_done && i < set.count && *dropped < PARTITION_DROP_MAX; i++) {
        char name[PARTITION_NAME_SIZE], sql[64];

        if (set.list[i].to_ms > before_ms)
            continue;
        partition_name(&set.list[i], name);
        snprintf(sql, sizeof sql, "DROP TABLE %s", name);
        is_done = pg_run(session, sql, NULL, NULL, error) ||
                  sdk_error_wrap(error, "dropping partition %s", name);
        (*dropped)++;
    }
    if (is_done)
        is_done = pg_commit(session, error);
    else
        pg_rollback(session);
    free(set.list);
    if (is_done && *dropped > 0)
        partitions_forget(partitions);
    return is_done;
}
