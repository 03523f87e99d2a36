/* One round: each entry of the ledger is asked for its counts, then for its backlog. When Redis
 * does not answer the round is over, and what is known stays, with its age. */
#include "server/http/sampler.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "dialect/shared/inspect.h"

struct sampler {
    uv_timer_t timer;
    struct hosts *hosts;
    struct ledger_entry *entry; /* the one that is asked; NULL: no round is under way */
    bool is_complained, is_closing;
    uint32_t holders; /* the timer, and a question under way */
};

static void sampler_ask_counts(struct sampler *sampler);

static void sampler_release(struct sampler *sampler)
{
    if (--sampler->holders == 0)
        free(sampler);
}

static struct ledger_entry *sampler_after(const struct sampler *sampler, const struct ct_list *node)
{
    const struct ledger *ledger = hosts_ledger(sampler->hosts);

    return node->next == &ledger->entries ? NULL
                                          : CT_CONTAINER(node->next, struct ledger_entry, link);
}

static void sampler_call(struct sampler *sampler, struct redis_command *command, redis_done_fn done)
{
    sampler->holders++;
    hosts_call(sampler->hosts, command, done, sampler);
    redis_command_fini(command);
}

/* Whether to go on with the answer; false: the round is over. */
static bool sampler_heard(struct sampler *sampler, enum ct_code rc, const struct ct_error *err)
{
    if (rc == CT_E_OK) {
        sampler->is_complained = false;
        return true;
    }
    if (rc != CT_E_REDIS_DOWN && rc != CT_E_CLOSED && !sampler->is_complained) {
        sampler->is_complained = true;
        ct_log_warn("cannot look at a queue for its metrics", CT_STR("queue", sampler->entry->name),
                    CT_ERR(err));
    }
    sampler->entry = NULL;
    return false;
}

static void sampler_next(struct sampler *sampler)
{
    sampler->entry = sampler_after(sampler, &sampler->entry->link);
    sampler_ask_counts(sampler);
}

static void sampler_on_backlog(void *arg, const struct redis_reply *reply,
                               const struct ct_error *err)
{
    struct sampler *sampler = arg;
    struct ct_error own = {CT_E_OK, ""};

    if (!sampler->is_closing) {
        struct ledger_sample *sample = &sampler->entry->sample;
        struct inspect_backlog backlog;
        enum ct_code rc = err ? err->code : CT_E_OK;

        if (rc == CT_E_OK)
            rc = inspect_parse_backlog(reply, &backlog, &own);
        if (sampler_heard(sampler, rc, own.code != CT_E_OK ? &own : err)) {
            sample->backlog = backlog;
            sample->at_ms = ct_monotonic_ms(&ct_clock_system);
            sample->is_known = true;
            ledger_scale(sampler->entry);
            sampler_next(sampler);
        }
    }
    sampler_release(sampler);
}

static void sampler_ask_backlog(struct sampler *sampler)
{
    const struct ledger_entry *entry = sampler->entry;
    const struct queue_name name = {entry->prefix, entry->name};
    struct redis_command command;

    redis_command_init(&command, NULL);
    inspect_build_backlog(entry->dialect->inspector, &name, ct_wall_ms(&ct_clock_system), &command);
    sampler_call(sampler, &command, sampler_on_backlog);
}

static void sampler_on_counts(void *arg, const struct redis_reply *reply,
                              const struct ct_error *err)
{
    struct sampler *sampler = arg;
    struct ct_error own = {CT_E_OK, ""};

    if (!sampler->is_closing) {
        struct ledger_entry *entry = sampler->entry;
        struct inspect_counts counts;
        enum ct_code rc = err ? err->code : CT_E_OK;

        if (rc == CT_E_OK)
            rc = inspect_parse_counts(entry->dialect->inspector, reply, &counts, &own);
        if (sampler_heard(sampler, rc, own.code != CT_E_OK ? &own : err)) {
            entry->sample.counts = counts;
            sampler_ask_backlog(sampler);
        }
    }
    sampler_release(sampler);
}

static void sampler_ask_counts(struct sampler *sampler)
{
    struct ledger_entry *entry = sampler->entry;

    while (entry && !entry->dialect->inspector)
        entry = sampler_after(sampler, &entry->link);
    sampler->entry = entry;
    if (!entry)
        return;
    const struct queue_name name = {entry->prefix, entry->name};
    struct redis_command command;

    redis_command_init(&command, NULL);
    inspect_build_counts(entry->dialect->inspector, &name, &command);
    sampler_call(sampler, &command, sampler_on_counts);
}

static void sampler_on_timer(uv_timer_t *timer)
{
    struct sampler *sampler = timer->data;

    if (sampler->entry || !hosts_redis_is_up(sampler->hosts))
        return;
    sampler->entry = sampler_after(sampler, &hosts_ledger(sampler->hosts)->entries);
    sampler_ask_counts(sampler);
}

struct sampler *sampler_open(uv_loop_t *loop, struct hosts *hosts)
{
    struct sampler *sampler = ct_zalloc(sizeof *sampler);

    sampler->hosts = hosts;
    sampler->holders = 1;
    uv_timer_init(loop, &sampler->timer);
    sampler->timer.data = sampler;
    uv_timer_start(&sampler->timer, sampler_on_timer, SAMPLER_FIRST_MS, SAMPLER_INTERVAL_MS);
    return sampler;
}

static void sampler_on_closed(uv_handle_t *handle)
{
    sampler_release(handle->data);
}

void sampler_close(struct sampler *sampler)
{
    sampler->is_closing = true;
    uv_close((uv_handle_t *)&sampler->timer, sampler_on_closed);
}
