/* Memory of what is done to jobs by hand; what it means is the dialect's. */
#include "queue/manage.h"

#include <stdlib.h>

void manage_job_fini(struct manage_job *job)
{
    free(job->new_id);
    job->new_id = NULL;
}
