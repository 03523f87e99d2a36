/* Sharing a runner's window between queues. See subs.h. */
#include "worker/runner/subs.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

void subs_init(struct subs *subs, const char *const *queues, size_t count)
{
    subs->list = ct_zalloc(count * sizeof *subs->list);
    subs->count = count;
    subs->held = 0;
    subs->turn = 0;
    for (size_t i = 0; i < count; i++)
        subs->list[i].queue = queues[i];
}

void subs_fini(struct subs *subs)
{
    free(subs->list);
    subs->list = NULL;
}

void subs_reset(struct subs *subs)
{
    for (size_t i = 0; i < subs->count; i++) {
        subs->list[i].is_attached = subs->list[i].is_refused = false;
        subs->list[i].told = 0;
        subs->list[i].opened_ms = 0;
    }
}

void subs_took(struct subs *subs, size_t index)
{
    struct sub *sub = &subs->list[index];

    sub->held++;
    subs->held++;
    sub->is_hot = true;
    if (sub->told <= sub->held)
        sub->opened_ms = 0;
}

void subs_gave(struct subs *subs, size_t index)
{
    ct_assert(subs->list[index].held > 0);
    subs->list[index].held--;
    subs->held--;
}

static uint32_t subs_max(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* How much of `window` is not promised yet, and to how many hot queues it may go. A hot queue may
 * be filled up to what it was told, however many of its jobs end meanwhile. */
static uint32_t subs_credit(struct subs *subs, uint32_t window, bool is_streaming, uint64_t now_ms,
                            size_t *hot)
{
    uint32_t promised = 0;

    *hot = 0;
    for (size_t i = 0; i < subs->count; i++) {
        struct sub *sub = &subs->list[i];

        if (sub->opened_ms && now_ms - sub->opened_ms >= SUB_COLD_MS)
            sub->is_hot = false;
        *hot += sub->is_hot;
        promised += sub->is_hot && !is_streaming ? subs_max(sub->told, sub->held) : sub->held;
    }
    return window > promised ? window - promised : 0;
}

void subs_share(struct subs *subs, uint32_t window, bool is_streaming, uint64_t now_ms)
{
    uint32_t free_count = window > subs->held ? window - subs->held : 0;
    uint32_t credit;
    size_t hot, each, extra;

    if (subs->count == 1) {
        subs->list[0].wanted = window;
        return;
    }
    credit = subs_credit(subs, window, is_streaming, now_ms, &hot);
    each = hot ? credit / hot : 0;
    extra = hot ? credit % hot : 0;
    for (size_t n = 0; n < subs->count; n++) {
        struct sub *sub = &subs->list[(subs->turn + n) % subs->count];
        uint32_t share = free_count > 0; /* of a cold one */

        if (sub->is_hot) {
            uint32_t open = sub->told > sub->held ? sub->told - sub->held : 0;

            share = (uint32_t)each + (extra > 0);
            extra -= extra > 0;
            if (!is_streaming)
                share += open < free_count ? open : free_count;
        }
        /* Without a share a window of what it holds would be filled up by the daemon as soon as one
         * of them ends, while we give that place to the queue whose turn it is. */
        sub->wanted = share > 0 || is_streaming ? sub->held + share : 0;
    }
}

void subs_told(struct sub *sub, uint64_t now_ms)
{
    sub->told = sub->wanted;
    if (sub->told <= sub->held)
        sub->opened_ms = 0;
    else if (sub->opened_ms == 0)
        sub->opened_ms = now_ms;
}

bool subs_is_waiting(const struct subs *subs)
{
    if (subs->count == 1)
        return false;
    for (size_t i = 0; i < subs->count; i++)
        if (subs->list[i].is_hot && subs->list[i].opened_ms)
            return true;
    return false;
}
