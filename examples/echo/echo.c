/* echo: the smallest useful plugin. A job's result is its data. */
#include "cartrita/plugin.h"

static const struct cartrita_host *host;

static int32_t echo_open(const struct cartrita_host *table, const char *config,
                         uint32_t concurrency, void **self, char *error, size_t error_size)
{
    (void)config, (void)concurrency, (void)self, (void)error, (void)error_size;
    host = table;
    return 0;
}

static void echo_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    (void)self;
    for (size_t i = 0; i < job_count; i++) {
        size_t len;
        const char *data = host->job_data(jobs[i], &len);

        host->progress(jobs[i], "50", 2);
        host->complete(jobs[i], data, len); /* or host->fail(jobs[i], &failure) */
    }
}

CARTRITA_PLUGIN(.name = "echo", .version = "1.0", .open = echo_open, .run = echo_run)
