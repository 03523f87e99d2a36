/* Connections for job threads. See pool.h.
 *
 * A place in the pool is taken before a connection is made in it; a thread that finds none waits
 * for the condition, in short turns, so that it sees when its job should stop. */
#include "postgres/pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cartrita/sdk/clock.h"

#include "postgres/error.h"

#define POOL_TURN_MS 100             /* how soon a wait sees that the job should stop */
#define POOL_IDLE_MS (5 * 60 * 1000) /* an idle connection older than this is not used again */

struct pool_idle {
    PGconn *connection; /* owned */
    int64_t since_ms;
};

struct pg_pool {
    char *url;  /* owned */
    char *what; /* owned */
    uint32_t max;
    int64_t connect_timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    uint32_t used;          /* connections in use; under the lock, as all below */
    struct pool_idle *idle; /* owned; `max` places; the one used last is at the end */
    uint32_t idle_count;
};

static bool pool_should_stop(const struct pg_stop *stop)
{
    return stop->is_wanted && stop->is_wanted(stop->ctx);
}

static bool pool_stopped(struct sdk_error *error)
{
    return sdk_retry_later(error, "StoppedError", "stopped while waiting for the database");
}

bool pg_wait(PGconn *connection, short events, int64_t until_ms, const struct pg_stop *stop,
             struct sdk_error *error)
{
    for (;;) {
        struct pollfd one = {.fd = PQsocket(connection), .events = events};
        int64_t left = until_ms - sdk_now_ms();
        int turn = left < POOL_TURN_MS ? (int)left : POOL_TURN_MS;
        int rc;

        if (pool_should_stop(stop))
            return pool_stopped(error);
        if (left <= 0)
            return sdk_retry_later(error, "TimeoutError", "no answer in time");
        rc = poll(&one, 1, turn);
        if (rc > 0)
            return true; /* also when it is broken: libpq finds out */
        if (rc < 0 && errno != EINTR)
            return sdk_retry_later(error, "ConnectionError", "poll: %s", strerror(errno));
    }
}

bool pg_pool_open(const struct pg_pool_options *options, struct pg_pool **out,
                  struct sdk_error *error)
{
    char *complaint = NULL;
    PQconninfoOption *parsed = PQconninfoParse(options->url, &complaint);
    struct pg_pool *pool;
    pthread_condattr_t attributes;

    if (!parsed) {
        sdk_refuse(error, "SettingError", "the URL of %s: %.300s", options->what,
                   complaint ? complaint : "out of memory");
        PQfreemem(complaint);
        return false;
    }
    PQconninfoFree(parsed);
    pool = calloc(1, sizeof *pool);
    if (!pool)
        abort();
    pool->url = strdup(options->url);
    pool->what = strdup(options->what);
    pool->max = options->max;
    pool->connect_timeout_ms = options->connect_timeout_ms;
    pool->idle = calloc(options->max, sizeof *pool->idle);
    if (!pool->url || !pool->what || !pool->idle)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = pool;
    return true;
}

void pg_pool_close(struct pg_pool *pool)
{
    if (!pool)
        return;
    for (uint32_t i = 0; i < pool->idle_count; i++)
        PQfinish(pool->idle[i].connection);
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->idle);
    free(pool->url);
    free(pool->what);
    free(pool);
}

const char *pg_pool_what(const struct pg_pool *pool)
{
    return pool->what;
}

/* Notices (a table that is there already) are for nobody. */
static void pool_ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

/* Negotiating encryption by Kerberos is off unless the URL asks for it: it reads files that a
 * sandbox does not show. */
static PGconn *pool_start_connection(const struct pg_pool *pool)
{
    const char *names[] = {"gssencmode", "dbname", "fallback_application_name", "client_encoding",
                           NULL};
    const char *values[] = {"disable", pool->url, "cartrita-analytics", "UTF8", NULL};

    return PQconnectStartParams(names, values, 1);
}

/* In a place that is ours already, without the lock. */
static PGconn *pool_connect(struct pg_pool *pool, const struct pg_stop *stop,
                            struct sdk_error *error)
{
    int64_t until_ms = sdk_now_ms() + pool->connect_timeout_ms;
    PGconn *connection = pool_start_connection(pool);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    if (!connection || PQstatus(connection) == CONNECTION_BAD)
        next = PGRES_POLLING_FAILED;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (!pg_wait(connection, events, until_ms, stop, error)) {
            PQfinish(connection);
            sdk_error_wrap(error, "connecting to %s", pool->what);
            return NULL;
        }
        next = PQconnectPoll(connection);
    }
    if (next != PGRES_POLLING_OK || PQsetnonblocking(connection, 1) != 0) {
        pg_lost(pool->what, connection, error);
        PQfinish(connection);
        return NULL;
    }
    PQsetNoticeReceiver(connection, pool_ignore_notice, NULL);
    return connection;
}

/* Under the lock: the one used last, unless it has been idle for too long, as have all before it.
 */
static PGconn *pool_take_idle(struct pg_pool *pool, bool wants_fresh)
{
    int64_t oldest_ms = sdk_now_ms() - POOL_IDLE_MS;

    while (pool->idle_count > 0) {
        struct pool_idle last = pool->idle[--pool->idle_count];

        if (!wants_fresh && last.since_ms >= oldest_ms)
            return last.connection;
        PQfinish(last.connection);
    }
    return NULL;
}

bool pg_pool_take(struct pg_pool *pool, const struct pg_stop *stop, bool wants_fresh, PGconn **out,
                  bool *is_fresh, struct sdk_error *error)
{
    PGconn *connection;

    pthread_mutex_lock(&pool->lock);
    while (pool->used >= pool->max) {
        int64_t until_ms = sdk_now_ms() + POOL_TURN_MS;
        struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                 .tv_nsec = (long)(until_ms % 1000) * 1000000};

        pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
        if (pool_should_stop(stop)) {
            pthread_mutex_unlock(&pool->lock);
            return pool_stopped(error);
        }
    }
    pool->used++;
    connection = pool_take_idle(pool, wants_fresh);
    pthread_mutex_unlock(&pool->lock);

    *is_fresh = !connection;
    if (!connection)
        connection = pool_connect(pool, stop, error);
    if (!connection) {
        pthread_mutex_lock(&pool->lock);
        pool->used--;
        pthread_cond_signal(&pool->freed);
        pthread_mutex_unlock(&pool->lock);
        return false;
    }
    *out = connection;
    return true;
}

void pg_pool_give(struct pg_pool *pool, PGconn *connection, bool is_usable)
{
    bool is_good =
        PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) == PQTRANS_IDLE;

    if (!is_good)
        PQfinish(connection);
    pthread_mutex_lock(&pool->lock);
    pool->used--;
    if (is_good)
        pool->idle[pool->idle_count++] =
            (struct pool_idle){.connection = connection, .since_ms = sdk_now_ms()};
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}
