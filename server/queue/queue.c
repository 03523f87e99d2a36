/* One queue of the engine: its life, its turn, and what the outside tells it. Owned by the daemon's
 * queue host (or the simulation), which calls queue_turn at the end of a loop turn. Never blocks,
 * never calls a consumer from inside a call of that consumer. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

enum { BUCKETS_AT_START = 64 };

enum ct_code queue_new(const struct queue_options *options, struct queue **out,
                       struct ct_error *err)
{
    struct queue *queue = ct_zalloc(sizeof *queue);
    const struct queue_name name = {options->prefix, options->name};
    enum ct_code rc;

    rc = options->dialect->open(&name, options->settings, &queue->dialect_queue, err);
    if (rc != CT_E_OK) {
        free(queue);
        return rc;
    }
    queue->dialect = options->dialect;
    queue->prefix = ct_strdup(options->prefix);
    queue->name = ct_strdup(options->name);
    queue_settings_init(&queue->settings);
    queue_settings_copy(&queue->settings, options->settings);
    queue->clock = options->clock;
    queue->random = options->random;
    queue->port = options->port;
    queue->tally = options->tally ? options->tally : &queue->own_tally;
    ct_list_init(&queue->consumers);
    ct_list_init(&queue->ready);
    queue->bucket_count = BUCKETS_AT_START;
    queue->buckets = ct_zalloc(queue->bucket_count * sizeof(struct lease *));
    ct_list_init(&queue->orphans);
    ct_list_init(&queue->renewals);
    ct_list_init(&queue->answers);
    ct_list_init(&queue->resumes);
    ct_list_init(&queue->cancels);
    ct_list_init(&queue->urgent);
    ct_list_init(&queue->pending);
    ct_list_init(&queue->later);
    ct_list_init(&queue->adds);
    ct_list_init(&queue->adds_refused);
    ct_uuid(queue->random, queue->token_base);
    queue->token_next = 1;
    queue->next_due_ms = COMMIT_NEVER;
    queue->promote_at_ms = QUEUE_NEVER;
    queue->sweep_at_ms = QUEUE_NEVER;
    queue->armed_ms = QUEUE_NEVER;
    /* Like a Bull worker: the first probe is a wait, so that none is told "drained" by a start. */
    queue->is_drained = true;
    *out = queue;
    return CT_E_OK;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    ct_assert(ct_list_is_empty(&queue->consumers));
    ct_assert(queue_is_idle(queue));
    queue->port->arm(queue->port->ctx, COMMIT_NEVER);
    cancel_forget_all(queue);
    queue->dialect->close(queue->dialect_queue);
    queue_settings_fini(&queue->settings);
    free(queue->buckets);
    free(queue->prefix);
    tally_fini(&queue->own_tally);
    free(queue->name);
    free(queue);
}

const char *queue_name(const struct queue *queue)
{
    return queue->name;
}

const char *queue_prefix(const struct queue *queue)
{
    return queue->prefix;
}

const struct dialect *queue_dialect(const struct queue *queue)
{
    return queue->dialect;
}

const struct dialect_queue *queue_dialect_queue(const struct queue *queue)
{
    return queue->dialect_queue;
}

const struct queue_settings *queue_settings(const struct queue *queue)
{
    return &queue->settings;
}

void queue_configure(struct queue *queue, const struct queue_settings *settings)
{
    if (queue_settings_equal(&queue->settings, settings))
        return;
    queue_settings_copy(&queue->settings, settings);
    queue->dialect->configure(queue->dialect_queue, &queue->settings);
    sched_configured(queue);
    queue_poke(queue);
}

void queue_poke(struct queue *queue)
{
    if (queue->is_scheduled)
        return;
    queue->is_scheduled = true;
    queue->port->schedule(queue->port->ctx);
}

void queue_enter(struct queue *queue)
{
    queue->busy++;
}

void queue_leave(struct queue *queue)
{
    ct_assert(queue->busy > 0);
    queue->busy--;
    queue_poke(queue);
}

bool trouble_note(struct trouble *trouble, enum ct_code code)
{
    const bool is_new = trouble->code != code;

    if (is_new)
        trouble->count = 0;
    trouble->code = code;
    trouble->count++;
    return is_new;
}

void queue_turn(struct queue *queue)
{
    const int64_t now_ms = ct_monotonic_ms(queue->clock);

    queue->is_scheduled = false;
    queue->busy++;
    lease_answer_all(queue);
    resume_step(queue);
    sched_step(queue, now_ms);
    exchange_step(queue, now_ms);
    sched_sweep(queue, now_ms);
    cancel_step(queue);
    wait_step(queue, now_ms);
    adds_step(queue, now_ms);
    sched_arm(queue, now_ms);
    queue->busy--;
}

void queue_timer(struct queue *queue)
{
    queue->armed_ms = QUEUE_NEVER;
    queue_poke(queue);
}

void queue_wake(struct queue *queue, struct ct_str payload)
{
    const int64_t due_ms = queue->dialect->parse_wake(queue->dialect_queue, payload);

    if (due_ms >= queue->next_due_ms)
        return;
    sched_due(queue, due_ms);
    queue_poke(queue);
}

void queue_link_up(struct queue *queue)
{
    queue->is_up = true;
    queue->retry_at_ms = 0;
    queue->reclaim_at_ms = 0;
    queue->wait_retry_at_ms = 0;
    queue->wait_failures = 0;
    sched_link_up(queue);
    queue_poke(queue);
}

void queue_link_down(struct queue *queue)
{
    queue->is_up = false;
    queue_poke(queue);
}

void queue_drain(struct queue *queue)
{
    queue->is_draining = true;
    queue_poke(queue);
}

bool queue_is_idle(const struct queue *queue)
{
    return queue->busy == 0 && queue->lease_count == 0 && queue->effect_count == 0 &&
           queue->call == CALL_NONE && !queue->wait_is_out && !queue->sweep_is_out &&
           queue->add_calls == 0 && queue->children_calls == 0 && ct_list_is_empty(&queue->adds) &&
           ct_list_is_empty(&queue->adds_refused) && ct_list_is_empty(&queue->resumes);
}

const char *queue_trouble(const struct queue *queue)
{
    const bool is_refused =
        queue->refused.code != CT_E_OK && !exchange_is_link_error(queue->refused.code);

    return is_refused || queue->alone.code != CT_E_OK ? queue->why.detail : NULL;
}

void queue_figures(const struct queue *queue, struct queue_figures *out)
{
    const struct tally *tally = queue->tally;

    *out = (struct queue_figures){
        .fetched = tally->fetched,
        .completed = tally->ended[TALLY_COMPLETED],
        .failed = tally->ended[TALLY_FAILED],
        .retried = tally->ended[TALLY_RETRIED],
        .released = tally->ended[TALLY_RELEASED],
        .recovered = tally->ended[TALLY_STALLED],
        .lost = tally->ended[TALLY_LOST],
        .dead = tally->dead,
        .commits = tally->commits,
        .waits = tally->waits,
        .adds = tally->adds,
    };
    out->leases = queue->lease_count;
    out->credits = queue->credits < UINT32_MAX ? (uint32_t)queue->credits : UINT32_MAX;
    out->pending = queue->effect_count;
}
