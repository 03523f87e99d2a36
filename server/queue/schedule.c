/* Life of a schedule; see the header. */
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
