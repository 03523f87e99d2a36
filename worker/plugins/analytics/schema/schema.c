/* Making the tables and bringing them up to date. See schema.h.
 *
 * One transaction: a lock that all runners of all machines agree on, the version, the steps that
 * are missing. It is there whole or not at all. A runner without the right to create anything is
 * well where everything is there already. */
#include "schema/schema.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "postgres/error.h"
#include "schema/migrations.h"

#define SCHEMA_NAME_MAX   40 /* of PostgreSQL's 63, so that partitions have room */
#define SCHEMA_MIGRATE_MS (10 * 60 * 1000)
#define SCHEMA_TURN_MS    20

struct schema {
    struct analytics *analytics; /* borrowed */
    pthread_mutex_t lock;        /* one thread of the process looks */
    atomic_bool is_ready;
};

/* Plain identifiers only: the name becomes part of SQL. */
static bool schema_name_is_plain(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && len <= SCHEMA_NAME_MAX && name[len] == '\0' && !strchr("0123456789", name[0]);
}

bool schema_open(struct analytics *analytics, struct schema **out, struct sdk_error *error)
{
    struct schema *schema;

    if (!schema_name_is_plain(analytics->settings.schema_name))
        return sdk_refuse(error, "SettingError",
                          "schema is \"%.80s\"; it must be 1 to %d lower-case letters, digits and "
                          "underscores, not beginning with a digit",
                          analytics->settings.schema_name, SCHEMA_NAME_MAX);
    schema = calloc(1, sizeof *schema);
    if (!schema)
        abort();
    schema->analytics = analytics;
    pthread_mutex_init(&schema->lock, NULL);
    *out = schema;
    return true;
}

void schema_close(struct schema *schema)
{
    if (!schema)
        return;
    pthread_mutex_destroy(&schema->lock);
    free(schema);
}

/* -1: there are no tables; -2: failed. */
static int schema_version(struct pg_session *session, const char *name, struct sdk_error *error)
{
    struct pg_params params = {0};
    PGresult *result = NULL;
    char sql[256];
    int version;

    pg_param(&params, PG_TEXT, name);
    if (!pg_run(session,
                "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = "
                "'migrations'",
                &params, &result, error))
        return -2;
    version = PQntuples(result) > 0 ? 0 : -1;
    PQclear(result);
    if (version < 0)
        return -1;
    snprintf(sql, sizeof sql, "SELECT coalesce(max(version), 0) FROM \"%s\".migrations", name);
    if (!pg_run(session, sql, NULL, &result, error))
        return -2;
    version = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return version;
}

/* Creating the schema needs a right on the database that one may lack where it exists already. */
static bool schema_create(struct pg_session *session, const char *name, struct sdk_error *error)
{
    struct pg_params params = {0};
    PGresult *result = NULL;
    char sql[256];
    bool exists;

    pg_param(&params, PG_TEXT, name);
    if (!pg_run(session, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &params,
                &result, error))
        return false;
    exists = PQntuples(result) > 0;
    PQclear(result);
    snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", name);
    if (!exists && !pg_run(session, sql, NULL, NULL, error))
        return false;
    return pg_run(session,
                  "CREATE TABLE migrations (version integer PRIMARY KEY,"
                  " applied_at timestamptz NOT NULL DEFAULT now())",
                  NULL, NULL, error);
}

static bool schema_step(struct pg_session *session, int version, struct sdk_error *error)
{
    char sql[128];

    snprintf(sql, sizeof sql, "INSERT INTO migrations (version) VALUES (%d)", version);
    return pg_run(session, migration_steps[version - 1], NULL, NULL, error) &&
           pg_run(session, sql, NULL, NULL, error);
}

static bool schema_upgrade(struct pg_session *session, const char *name, struct sdk_error *error)
{
    int version;

    if (!pg_run(session, "SELECT pg_advisory_xact_lock(hashtext('cartrita analytics'))", NULL, NULL,
                error))
        return false;
    version = schema_version(session, name, error); /* again: another may have been at it */
    if (version == -2 || (version == -1 && !schema_create(session, name, error)))
        return false;
    for (int next = version < 0 ? 1 : version + 1; next <= migration_count; next++)
        if (!schema_step(session, next, error))
            return sdk_error_wrap(error, "migration %d", next);
    return true;
}

static bool schema_check(struct schema *schema, struct pg_session *session, bool *is_current,
                         struct sdk_error *error)
{
    const struct analytics_settings *settings = &schema->analytics->settings;
    int version = schema_version(session, settings->schema_name, error);

    if (version == -2)
        return false;
    *is_current = version == migration_count;
    if (version > migration_count)
        return sdk_retry_later(
            error, "SchemaError",
            "schema \"%s\" is version %d, and this plugin knows %d at most: it was upgraded by a "
            "newer one; run that version here, too",
            settings->schema_name, version, migration_count);
    if (!*is_current && !settings->migrates)
        return sdk_retry_later(
            error, "SchemaError",
            "schema \"%s\" is version %d, and this plugin needs %d; let a worker with migrate=true "
            "bring it up to date",
            settings->schema_name, version < 0 ? 0 : version, migration_count);
    return true;
}

static bool schema_make(struct schema *schema, const struct pg_stop *stop, struct sdk_error *error)
{
    const struct analytics_settings *settings = &schema->analytics->settings;
    struct pg_want want = {
        .schema = settings->schema_name, .timeout_ms = SCHEMA_MIGRATE_MS, .stop = *stop};
    struct pg_session *session;
    bool is_current = false;

    if (!pg_begin(schema->analytics->primary, &want, &session, error))
        return false;
    if (!schema_check(schema, session, &is_current, error) ||
        (!is_current && !schema_upgrade(session, settings->schema_name, error))) {
        pg_rollback(session);
        return false;
    }
    return pg_commit(session, error);
}

/* The thread that holds the lock may wait for a database that is away. */
static bool schema_lock(struct schema *schema, const struct pg_stop *stop, struct sdk_error *error)
{
    const struct timespec turn = {.tv_nsec = SCHEMA_TURN_MS * 1000000L};

    while (pthread_mutex_trylock(&schema->lock) != 0) {
        if (stop->is_wanted && stop->is_wanted(stop->ctx))
            return sdk_retry_later(error, "StoppedError", "stopped while waiting for the database");
        nanosleep(&turn, NULL);
    }
    return true;
}

bool schema_ensure(struct schema *schema, const struct pg_stop *stop, struct sdk_error *error)
{
    bool is_done = true;

    if (atomic_load(&schema->is_ready))
        return true;
    if (!schema_lock(schema, stop, error))
        return false;
    if (!atomic_load(&schema->is_ready))
        is_done = schema_make(schema, stop, error);
    if (is_done)
        atomic_store(&schema->is_ready, true);
    pthread_mutex_unlock(&schema->lock);
    return is_done || sdk_error_wrap(error, "preparing schema \"%s\"",
                                     schema->analytics->settings.schema_name);
}
