/* Orders to cancel, each on a thread of its own that nobody has to wait for. See cancel.h. What the
 * two threads share is freed by the one that is done with it last. */
#include "postgres/cancel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct cancel {
    PGcancel *order; /* owned */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool is_taken, is_over;
    int users;
};

static atomic_int cancels;

/* Under the lock, which it gives up. */
static void cancel_leave(struct cancel *cancel)
{
    bool is_last = --cancel->users == 0;

    pthread_mutex_unlock(&cancel->lock);
    if (!is_last)
        return;
    PQfreeCancel(cancel->order);
    pthread_cond_destroy(&cancel->ended);
    pthread_mutex_destroy(&cancel->lock);
    free(cancel);
    atomic_fetch_sub(&cancels, 1);
}

static void *cancel_main(void *arg)
{
    struct cancel *cancel = arg;
    char ignored[256];
    bool is_taken = PQcancel(cancel->order, ignored, sizeof ignored) == 1;

    pthread_mutex_lock(&cancel->lock);
    cancel->is_taken = is_taken;
    cancel->is_over = true;
    pthread_cond_signal(&cancel->ended);
    cancel_leave(cancel);
    return NULL;
}

static struct cancel *cancel_new(PGcancel *order)
{
    struct cancel *cancel = calloc(1, sizeof *cancel);
    pthread_condattr_t attributes;

    if (!cancel)
        abort();
    cancel->order = order;
    cancel->users = 1;
    pthread_mutex_init(&cancel->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&cancel->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return cancel;
}

static bool cancel_start(struct cancel *cancel)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool is_started;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    is_started = pthread_create(&thread, &attributes, cancel_main, cancel) == 0;
    pthread_attr_destroy(&attributes);
    return is_started;
}

bool pg_cancel(PGconn *connection, int64_t wait_ms)
{
    PGcancel *order = PQgetCancel(connection);
    struct cancel *cancel;
    struct timespec until;
    bool is_taken;

    if (!order)
        return false;
    if (atomic_fetch_add(&cancels, 1) >= PG_CANCELS_MAX) {
        atomic_fetch_sub(&cancels, 1);
        PQfreeCancel(order);
        return false;
    }
    cancel = cancel_new(order);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    pthread_mutex_lock(&cancel->lock);
    cancel->users = 2;
    if (!cancel_start(cancel)) {
        cancel->users = 1;
        cancel->is_over = true;
    }
    while (!cancel->is_over && pthread_cond_timedwait(&cancel->ended, &cancel->lock, &until) == 0)
        ;
    is_taken = cancel->is_over && cancel->is_taken;
    cancel_leave(cancel);
    return is_taken;
}
