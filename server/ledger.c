/* The list of queues that were served. See ledger.h. */
#include "server/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

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
        ct_list_push_back(&ledger->entries, &entry->link);
        ledger->count++;
    }
    if (entry->dialect != dialect)
        entry->sample.is_known = false; /* its states are other ones */
    entry->dialect = dialect;
    return entry;
}
