/* The count before a deed; see the header. */
#include "q/dead_tally.h"

#include <stdlib.h>

#include "common/mem.h"

void dead_tally_add(struct dead_tally *tally, const char *target)
{
    tally->wanted++;
    if (!target)
        return;
    for (size_t i = 0; i < tally->target_count; i++) {
        if (strcmp(tally->targets[i].name, target) == 0) {
            tally->targets[i].count++;
            return;
        }
    }
    if (tally->target_count == DEAD_TARGETS_MAX)
        tally->other_count++;
    else
        tally->targets[tally->target_count++] = (struct dead_target){ct_strdup(target), 1};
}

void dead_tally_fini(struct dead_tally *tally)
{
    for (size_t i = 0; i < tally->target_count; i++)
        free(tally->targets[i].name);
    tally->target_count = 0;
}

void dead_tally_tell(const struct dead_tally *tally, const struct dead_walk *walk, bool is_redrive,
                     struct ct_buf *line)
{
    bool is_one = tally->wanted == 1;

    ct_buf_printf(line, "%lld dead letter%s of queue \"%s\" ", (long long)tally->wanted,
                  is_one ? "" : "s", walk->queue);
    ct_buf_printf(line, "%s",
                  !is_redrive ? "will be removed"
                  : is_one    ? "goes back to work"
                              : "go back to work");
    for (size_t i = 0; i < tally->target_count; i++)
        ct_buf_printf(line, "%s%lld in \"%s\"", i == 0 ? ": " : ", ",
                      (long long)tally->targets[i].count, tally->targets[i].name);
    if (tally->other_count > 0)
        ct_buf_printf(line, ", %lld in other queues", (long long)tally->other_count);
    if (walk->foreign > 0)
        ct_buf_printf(line, "; %lld %s", (long long)walk->foreign,
                      walk->foreign == 1 ? "job is no dead letter and stays"
                                         : "jobs are no dead letters and stay");
}
