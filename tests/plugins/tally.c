/* A plugin for the chaos tests: writes down that a job started, works for a while, completes.
 * Settings: record (file; one line "ID ATTEMPTS_MADE PID VERSION" a start, appended with one
 * write), sleepMs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cartrita/plugin.h"

#include "setting.h"

#ifndef TALLY_VERSION
#define TALLY_VERSION "1.0"
#endif

struct tally {
    const struct cartrita_host *host; /* borrowed */
    int fd;
    long sleep_ms, fail_times;
};

static int32_t tally_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct tally *tally = calloc(1, sizeof *tally);
    char text[256];

    (void)concurrency;
    if (!tally)
        return -1;
    tally->host = host;
    setting_read(config, "sleepMs", text, sizeof text);
    tally->sleep_ms = atol(text);
    setting_read(config, "failTimes", text, sizeof text);
    tally->fail_times = atol(text);
    setting_read(config, "record", text, sizeof text);
    tally->fd = open(text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (tally->fd < 0) {
        snprintf(error, error_size, "tally: cannot open the record \"%s\"", text);
        free(tally);
        return -1;
    }
    *self = tally;
    return 0;
}

static void tally_fail(const struct tally *tally, struct cartrita_job *job, const char *reason)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    failure.reason = reason;
    tally->host->fail(job, &failure);
}

static void tally_one(const struct tally *tally, struct cartrita_job *job)
{
    const struct timespec nap = {tally->sleep_ms / 1000, tally->sleep_ms % 1000 * 1000000L};
    const uint32_t attempts_made = tally->host->job_attempts_made(job);
    char line[256];
    int len = snprintf(line, sizeof line, "%s %u %d " TALLY_VERSION "\n", tally->host->job_id(job),
                       attempts_made, (int)getpid());

    if (len >= (int)sizeof line || write(tally->fd, line, (size_t)len) != len) {
        tally_fail(tally, job, "tally: cannot write the record");
        return;
    }
    nanosleep(&nap, NULL);
    if ((long)attempts_made < tally->fail_times)
        tally_fail(tally, job, "tally: told to fail");
    else
        tally->host->complete(job, NULL, 0);
}

static void tally_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < job_count; i++)
        tally_one(self, jobs[i]);
}

static void tally_close(void *self)
{
    struct tally *tally = self;

    close(tally->fd);
    free(tally);
}

CARTRITA_PLUGIN(.name = "tally", .version = TALLY_VERSION, .open = tally_open, .run = tally_run,
                .close = tally_close)
