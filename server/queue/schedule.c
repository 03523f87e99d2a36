/* See the header. */
#include "queue/schedule.h"

#include <stdlib.h>

void schedule_fini(struct schedule *schedule)
{
    free(schedule->key);
    free(schedule->name);
    free(schedule->job_id);
    free(schedule->cron);
    free(schedule->tz);
    free(schedule->next_id);
    free((char *)schedule->data.data);
    free((char *)schedule->opts.data);
    *schedule = (struct schedule){.key = NULL};
}

enum ct_code schedule_next(const struct scheduler *scheduler, const struct schedule *schedule,
                           double after_ms, double *out_ms, struct ct_error *err)
{
    if (!schedule->cron && !(schedule->every_ms >= 1))
        return ct_error_set(err, CT_E_INVALID, "the series \"%s\" says neither %s nor every",
                            schedule->key ? schedule->key : "", scheduler->cron_name);
    /* Whether to go on is asked of the moment at which a job of the series runs. */
    if (after_ms > schedule->end_ms)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its endDate");
    return scheduler->next(schedule, after_ms, out_ms, err);
}
