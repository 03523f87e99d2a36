/* See the header. */
#include "q/signals.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

#define SIGNALS_MAX 8

struct signals {
    uv_signal_t handles[SIGNALS_MAX];
    size_t count, closed;
    void (*on_signal)(void *ctx, int number);
    void *ctx;
};

static void on_handle(uv_signal_t *handle, int number)
{
    struct signals *signals = handle->data;

    signals->on_signal(signals->ctx, number);
}

struct signals *signals_open(uv_loop_t *loop, const int *numbers,
                             void (*on_signal)(void *ctx, int number), void *ctx)
{
    struct signals *signals = ct_zalloc(sizeof *signals);

    signals->on_signal = on_signal;
    signals->ctx = ctx;
    for (; numbers[signals->count]; signals->count++) {
        uv_signal_t *handle = &signals->handles[signals->count];

        ct_assert(signals->count < SIGNALS_MAX);
        uv_signal_init(loop, handle);
        handle->data = signals;
        uv_signal_start(handle, on_handle, numbers[signals->count]);
    }
    return signals;
}

static void on_closed(uv_handle_t *handle)
{
    struct signals *signals = handle->data;

    if (++signals->closed == signals->count)
        free(signals);
}

void signals_close(struct signals *signals)
{
    for (size_t i = 0; i < signals->count; i++)
        uv_close((uv_handle_t *)&signals->handles[i], on_closed);
}
