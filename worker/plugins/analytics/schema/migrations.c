/* The steps. See migrations.h. */
#include "schema/migrations.h"

const char *const migration_steps[] = {
    /* 1: events, and the jobs they came with. Neither refers to the other: a job's row is what
     * makes its events once, and is forgotten earlier than they are. The time a job was added is
     * part of its identity, for ids begin again at 1 in a queue that was emptied for good. */
    "CREATE TABLE events ("
    " at timestamptz NOT NULL,"
    " event_type text NOT NULL,"
    " user_id text,"
    " data jsonb,"
    " queue text NOT NULL,"
    " job_id text NOT NULL,"
    " position integer NOT NULL"
    ") PARTITION BY RANGE (at);"
    "CREATE INDEX events_type_at ON events (event_type, at);"
    "CREATE TABLE tracked ("
    " queue text NOT NULL,"
    " job_id text NOT NULL,"
    " added_ms bigint NOT NULL,"
    " events integer NOT NULL,"
    " tracked_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (queue, job_id, added_ms)"
    ");"
    "CREATE INDEX tracked_at ON tracked USING brin (tracked_at);",

    /* 2: what aggregate stores, and events by user, for funnels. */
    "CREATE INDEX events_user_type_at ON events (user_id, event_type, at)"
    " WHERE user_id IS NOT NULL;"
    "CREATE TABLE aggregates ("
    " name text NOT NULL,"
    " params jsonb NOT NULL,"
    " params_key text NOT NULL,"
    " window_start timestamptz NOT NULL,"
    " window_end timestamptz NOT NULL,"
    " position integer NOT NULL,"
    " value jsonb NOT NULL,"
    " computed_at timestamptz NOT NULL DEFAULT now(),"
    " PRIMARY KEY (name, window_start, window_end, params_key, position)"
    ");",
};

const int migration_count = sizeof migration_steps / sizeof migration_steps[0];
