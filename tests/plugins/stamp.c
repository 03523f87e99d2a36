/* A plugin for tests and the bench. Setting job: "stamp" (default) completes with the monotonic
 * clock in ns at its start, as text; "hold" appends that to the file `record` and never ends by
 * itself; "crash" dies of a null pointer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cartrita/plugin.h"

#include "setting.h"

#define NAP_NS 20000000L

enum stamp_kind { STAMP_RETURN, STAMP_HOLD, STAMP_CRASH };

struct stamp {
    const struct cartrita_host *host; /* borrowed */
    enum stamp_kind kind;
    char record[256];
};

static int32_t stamp_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct stamp *stamp = calloc(1, sizeof *stamp);
    char kind[16];

    (void)concurrency;
    if (!stamp) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    setting_read(config, "job", kind, sizeof kind);
    setting_read(config, "record", stamp->record, sizeof stamp->record);
    stamp->host = host;
    stamp->kind = strcmp(kind, "hold") == 0    ? STAMP_HOLD
                  : strcmp(kind, "crash") == 0 ? STAMP_CRASH
                                               : STAMP_RETURN;
    *self = stamp;
    return 0;
}

static void stamp_write(const struct stamp *stamp, long long now_ns)
{
    FILE *file = fopen(stamp->record, "a");

    if (!file)
        return;
    fprintf(file, "%lld\n", now_ns);
    fclose(file);
}

static void stamp_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    const struct stamp *stamp = self;
    struct timespec now;
    long long now_ns;
    char text[32];
    int len;

    clock_gettime(CLOCK_MONOTONIC, &now);
    now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    len = snprintf(text, sizeof text, "\"%lld\"", now_ns);
    if (stamp->kind == STAMP_CRASH)
        *(volatile int *)0 = 1;
    if (stamp->kind == STAMP_HOLD) {
        stamp_write(stamp, now_ns);
        while (!stamp->host->is_cancelled(jobs[0]))
            nanosleep(&(struct timespec){0, NAP_NS}, NULL);
    }
    for (size_t i = 0; i < job_count; i++)
        stamp->host->complete(jobs[i], text, (size_t)len);
}

static void stamp_close(void *self)
{
    free(self);
}

CARTRITA_PLUGIN(.name = "stamp", .version = "1.0", .open = stamp_open, .run = stamp_run,
                .close = stamp_close)
