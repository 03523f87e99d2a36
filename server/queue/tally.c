/* Counting what jobs came to. See tally.h. */
#include "queue/tally.h"

#include <stdlib.h>

#include "common/mem.h"

static const double tally_times[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,  1,
                                     2.5,   5,    10,    30,   60,  300,  1800, 3600};
static const double tally_commits[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5};
static const double tally_batches[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

#define TALLY_BOUNDS(items)                 \
    {                                       \
        items, sizeof items / sizeof *items \
    }

const struct metric_bounds tally_time_bounds = TALLY_BOUNDS(tally_times);
const struct metric_bounds tally_commit_bounds = TALLY_BOUNDS(tally_commits);
const struct metric_bounds tally_batch_bounds = TALLY_BOUNDS(tally_batches);

void tally_fini(struct tally *tally)
{
    for (uint32_t i = 0; i < tally->name_count; i++)
        free(tally->names[i].name);
    free(tally->names);
    *tally = (struct tally){0};
}

const char *tally_outcome_text(enum tally_outcome outcome)
{
    static const char *const texts[] = {
#define TALLY_TEXT(name, text) text,
        TALLY_OUTCOMES(TALLY_TEXT)
#undef TALLY_TEXT
    };

    return texts[outcome];
}

/* Jobs of one name tend to come in a row. */
static struct tally_name *tally_name(struct tally *tally, struct ct_str name)
{
    if (tally->last < tally->name_count && ct_str_is(name, tally->names[tally->last].name))
        return &tally->names[tally->last];
    for (uint32_t i = 0; i < tally->name_count; i++) {
        if (ct_str_is(name, tally->names[i].name)) {
            tally->last = i;
            return &tally->names[i];
        }
    }
    if (tally->name_count > TALLY_NAMES_MAX)
        return &tally->names[TALLY_NAMES_MAX];
    if (!tally->names)
        tally->names = ct_zalloc((TALLY_NAMES_MAX + 1) * sizeof *tally->names);
    struct tally_name *added = &tally->names[tally->name_count++];
    added->name = tally->name_count > TALLY_NAMES_MAX ? ct_strdup(TALLY_OTHER)
                                                      : ct_strndup(name.data, name.len);
    return added;
}

void tally_end(struct tally *tally, struct ct_str name, enum tally_outcome outcome)
{
    tally->ended[outcome]++;
    tally_name(tally, name)->ended[outcome]++;
}

void tally_time(struct metric_histogram *histogram, const struct metric_bounds *bounds,
                int64_t since_ms, int64_t until_ms)
{
    metric_observe(histogram, bounds,
                   until_ms > since_ms ? (double)(until_ms - since_ms) / 1000 : 0);
}
