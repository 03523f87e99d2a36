/* A job's temporary directory. See job_temp.h. What cannot be removed here is logged, and goes with
 * the runner's. */
#include "worker/runner/job_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "worker/shared/rmtree.h"

/* Not the job's id: that may hold anything. */
static char *job_temp_name(const char *runner_dir)
{
    static _Atomic uint64_t made;

    return ct_asprintf("%s/job-%" PRIu64, runner_dir,
                       atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1);
}

const char *job_temp_make(struct cartrita_job *job, const char *runner_dir, struct ct_error *err)
{
    char *present = atomic_load_explicit(&job->temp_dir, memory_order_acquire);
    char *path;

    if (present)
        return present;
    path = job_temp_name(runner_dir);
    if (mkdir(path, S_IRWXU) != 0) {
        ct_error_set(err, CT_E_SYSTEM, "making %s: %s", path, strerror(errno));
        free(path);
        return NULL;
    }
    if (atomic_compare_exchange_strong(&job->temp_dir, &present, path))
        return path;
    (void)rmdir(path); /* another thread of the plugin was first */
    free(path);
    return present;
}

void job_temp_remove(struct cartrita_job *job)
{
    char *path = atomic_load_explicit(&job->temp_dir, memory_order_acquire);
    struct ct_error err;

    if (!path)
        return;
    atomic_store_explicit(&job->temp_dir, NULL, memory_order_relaxed);
    if (rmtree(AT_FDCWD, path, &err) != CT_E_OK)
        ct_log_warn("temporary files of a job cannot be removed yet", CT_BYTES("queue", job->queue),
                    CT_BYTES("job", job->id), CT_ERR(&err));
    free(path);
}
