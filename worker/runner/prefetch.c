/* Prefetch by time. See prefetch.h. */
#include "worker/runner/prefetch.h"

#include "common/assert.h"

#define NS_PER_US 1000u

/* Jobs beyond those that run which recent job times allow. */
static uint32_t prefetch_allowed(const struct prefetch *prefetch)
{
    uint64_t ahead_ns = (uint64_t)PREFETCH_AHEAD_US * NS_PER_US;
    uint64_t job_ns = prefetch->job_ns ? prefetch->job_ns : 1;
    uint64_t jobs = ahead_ns / job_ns * prefetch->at_once;

    return jobs > PREFETCH_MAX ? PREFETCH_MAX : (uint32_t)jobs;
}

static void prefetch_bound(struct prefetch *prefetch)
{
    uint32_t allowed = prefetch_allowed(prefetch);

    if (prefetch->ahead > allowed)
        prefetch->ahead = allowed;
}

void prefetch_init(struct prefetch *prefetch, uint32_t at_once)
{
    ct_assert(at_once > 0);
    prefetch->at_once = at_once;
    /* Until a job has ended nothing is known: as if jobs were long. */
    prefetch->job_ns = (uint64_t)PREFETCH_AHEAD_US * NS_PER_US * 2;
    prefetch->ahead = 0;
}

void prefetch_ended(struct prefetch *prefetch, uint64_t run_ns)
{
    uint64_t ahead_ns = (uint64_t)PREFETCH_AHEAD_US * NS_PER_US;

    if (run_ns > ahead_ns || prefetch->job_ns > ahead_ns)
        prefetch->job_ns = run_ns; /* a long job counts at once, and so does the first short one */
    else
        prefetch->job_ns = (prefetch->job_ns * (PREFETCH_SMOOTH - 1) + run_ns) / PREFETCH_SMOOTH;
    prefetch_bound(prefetch);
}

void prefetch_starved(struct prefetch *prefetch)
{
    prefetch->ahead = prefetch->ahead ? prefetch->ahead * 2 : prefetch->at_once;
    prefetch_bound(prefetch);
}

void prefetch_stuck(struct prefetch *prefetch)
{
    prefetch->ahead = 0;
    prefetch->job_ns = (uint64_t)PREFETCH_AHEAD_US * NS_PER_US * 2;
}

uint32_t prefetch_window(const struct prefetch *prefetch)
{
    return prefetch->at_once + prefetch->ahead;
}

bool prefetch_is_news(uint32_t told, uint32_t wanted, uint32_t held)
{
    uint32_t step = told / PREFETCH_CHANGE_MIN;

    if (wanted == told)
        return false;
    if (wanted > told)
        return told <= held || wanted - told >= step;
    /* Less: also when all of it is held, because what ends, or is handed back, would come again. */
    return told - wanted >= step || (told > held && wanted <= held);
}
