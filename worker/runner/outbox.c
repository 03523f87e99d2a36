/* Notes from job threads to the loop. See outbox.h; called by threads.c and host.c (push) and by
 * the runner's loop (drain). */
#include "worker/runner/outbox.h"

#include "common/assert.h"

static void outbox_woken(uv_async_t *async)
{
    outbox_drain(async->data);
}

static void outbox_looked(uv_timer_t *timer)
{
    struct outbox *outbox = timer->data;

    /* First give the duty to wake us back to the threads, then look: what is pushed in between is
     * seen here or wakes us. Streaming sets it again. */
    atomic_store(&outbox->is_polled, false);
    outbox_drain(outbox);
}

static void outbox_handle_closed(uv_handle_t *handle)
{
    struct outbox *outbox = handle->data;

    ct_assert(outbox->handles_open > 0);
    outbox->handles_open--;
}

int outbox_open(struct outbox *outbox, uv_loop_t *loop, outbox_drain_cb drain, void *ctx)
{
    int rc;

    atomic_init(&outbox->top, NULL);
    atomic_init(&outbox->is_polled, false);
    outbox->drain = drain;
    outbox->ctx = ctx;
    outbox->handles_open = 0;
    rc = uv_async_init(loop, &outbox->wake, outbox_woken);
    if (rc != 0)
        return rc;
    outbox->wake.data = outbox;
    outbox->handles_open++;
    uv_timer_init(loop, &outbox->poll);
    outbox->poll.data = outbox;
    outbox->handles_open++;
    return 0;
}

void outbox_close(struct outbox *outbox)
{
    uv_close((uv_handle_t *)&outbox->wake, outbox_handle_closed);
    uv_close((uv_handle_t *)&outbox->poll, outbox_handle_closed);
}

void outbox_push(struct outbox *outbox, struct note *note, bool is_last)
{
    struct note *top = atomic_load_explicit(&outbox->top, memory_order_relaxed);

    do {
        note->next = top;
    } while (!atomic_compare_exchange_weak(&outbox->top, &top, note));
    if (is_last || !atomic_load(&outbox->is_polled))
        uv_async_send(&outbox->wake);
}

void outbox_drain(struct outbox *outbox)
{
    struct note *newest = atomic_exchange(&outbox->top, NULL);
    struct note *oldest = NULL;
    unsigned count = 0;

    while (newest) {
        struct note *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
        count++;
    }
    if (count >= OUTBOX_POLL_AT_MIN) {
        atomic_store(&outbox->is_polled, true);
        if (!uv_is_active((uv_handle_t *)&outbox->poll))
            uv_timer_start(&outbox->poll, outbox_looked, OUTBOX_POLL_MS, 0);
    }
    if (oldest)
        outbox->drain(outbox->ctx, oldest);
}
