/* Sharing a runner's window between queues. See subs.h. */
#include "worker/subs.h"

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
        subs->list[i].is_attached = false;
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

static size_t subs_count_hot(struct subs *subs, uint64_t now_ms)
{
    size_t hot = 0;

    for (size_t i = 0; i < subs->count; i++) {
        struct sub *sub = &subs->list[i];

        if (sub->opened_ms && now_ms - sub->opened_ms >= SUB_COLD_MS)
            sub->is_hot = false;
        hot += sub->is_hot;
    }
    return hot;
}

void subs_share(struct subs *subs, uint32_t window, uint64_t now_ms)
{
    uint32_t credit = window > subs->held ? window - subs->held : 0;
    size_t hot, each, extra;

    if (subs->count == 1) {
        subs->list[0].wanted = window;
        return;
    }
    hot = subs_count_hot(subs, now_ms);
    each = hot ? credit / hot : 0;
    extra = hot ? credit % hot : 0;
    for (size_t n = 0; n < subs->count; n++) {
        size_t i = (subs->turn + n) % subs->count;
        struct sub *sub = &subs->list[i];

        sub->wanted = sub->held;
        if (!sub->is_hot) {
            sub->wanted += credit > 0;
        } else {
            sub->wanted += (uint32_t)each;
            if (extra > 0) {
                sub->wanted++;
                extra--;
            }
        }
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
