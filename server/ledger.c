/* The list of queues that were served. See ledger.h. */
#include "server/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "server/scaling_config.h"

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){0};
    ct_list_init(&ledger->entries);
}

void ledger_fini(struct ledger *ledger)
{
    CT_LIST_FOREACH_SAFE (node, following, &ledger->entries) {
        struct ledger_entry *entry = CT_CONTAINER(node, struct ledger_entry, link);

        tally_fini(&entry->tally);
        free(entry->prefix);
        free(entry->name);
        free(entry);
    }
}

static struct ledger_entry *ledger_find(struct ledger *ledger, const char *prefix, const char *name)
{
    CT_LIST_FOREACH (node, &ledger->entries) {
        struct ledger_entry *entry = CT_CONTAINER(node, struct ledger_entry, link);

        if (strcmp(entry->name, name) == 0 && strcmp(entry->prefix, prefix) == 0)
            return entry;
    }
    return NULL;
}

struct ledger_entry *ledger_open(struct ledger *ledger, const char *prefix, const char *name,
                                 const struct dialect *dialect)
{
    struct ledger_entry *entry = ledger_find(ledger, prefix, name);

    if (!entry && ledger->count >= LEDGER_MAX) {
        if (ledger->refused++ == 0)
            ct_log_warn("too many queues for metrics: further ones are not counted",
                        CT_INT("counted", LEDGER_MAX), CT_STR("first", name));
        return NULL;
    }
    if (!entry) {
        entry = ct_zalloc(sizeof *entry);
        entry->prefix = ct_strdup(prefix);
        entry->name = ct_strdup(name);
        scaling_settings_init(&entry->scaling_settings);
        ct_list_push_back(&ledger->entries, &entry->link);
        ledger->count++;
    }
    if (entry->dialect != dialect)
        entry->sample.is_known = false; /* its states are other ones */
    entry->dialect = dialect;
    return entry;
}

static int64_t ledger_active(const struct ledger_entry *entry)
{
    const struct inspector *inspector = entry->dialect->inspector;

    for (uint32_t i = 0; i < inspector->state_count; i++) {
        if (strcmp(inspector->states[i].name, "active") == 0)
            return entry->sample.counts.jobs[i];
    }
    return 0;
}

void ledger_scale(struct ledger_entry *entry)
{
    const struct tally *tally = &entry->tally;
    uint64_t ended = 0;

    for (int i = 0; i < TALLY_OUTCOME_COUNT; i++)
        ended += tally->ended[i];
    const struct scaling_look look = {
        .now_ms = entry->sample.at_ms,
        .waiting = entry->sample.backlog.waiting,
        .oldest_ms = entry->sample.backlog.oldest_ms,
        .active = ledger_active(entry),
        .ended = ended - entry->seen_ended,
        .run_ms_sum = (tally->run.sum - entry->seen_run_sum) * 1000,
        .run_count = tally->run.count - entry->seen_run_count,
    };
    scaling_look(&entry->scaling, &entry->scaling_settings, &look);
    entry->seen_ended = ended;
    entry->seen_run_count = tally->run.count;
    entry->seen_run_sum = tally->run.sum;
}
