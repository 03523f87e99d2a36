/* A plugin for the bench: what happens in a job is written down with the monotonic clock, one line
 * "ID WHAT NS" each, appended to the file `record` (a setting). The job's name says what it does:
 *   listen   waits until it is told to stop, which is written down as "told", and does
 *   loop     never ends and hears nothing
 *   crash    dies of a null pointer
 *   grow     takes `growMiB` (a setting) of memory, writes "growing" 16 MiB before it has it, and
 *            waits as listen does
 * and any other completes at once. Each begins with "begun". For one job at a time. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cartrita/plugin.h"

#include "setting.h"

#define REACT_LAST ((size_t)16 << 20)

struct react {
    const struct cartrita_host *host; /* borrowed */
    int fd;
    size_t grow;
    sem_t told;
};

static void react_write(const struct react *react, const struct cartrita_job *job, const char *what)
{
    struct timespec now;
    char line[256];
    int len;

    clock_gettime(CLOCK_MONOTONIC, &now);
    len = snprintf(line, sizeof line, "%s %s %lld\n", react->host->job_id(job), what,
                   now.tv_sec * 1000000000LL + now.tv_nsec);
    if (len >= (int)sizeof line || write(react->fd, line, (size_t)len) != len)
        react->host->log_process(CARTRITA_LOG_ERROR, "react: cannot write the record");
}

static int32_t react_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct react *react = calloc(1, sizeof *react);
    char text[256];

    (void)concurrency;
    if (!react)
        return -1;
    react->host = host;
    sem_init(&react->told, 0, 0);
    setting_read(config, "growMiB", text, sizeof text);
    react->grow = (size_t)atol(text) << 20;
    setting_read(config, "record", text, sizeof text);
    react->fd = open(text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (react->fd < 0) {
        snprintf(error, error_size, "react: cannot open the record \"%s\"", text);
        free(react);
        return -1;
    }
    *self = react;
    return 0;
}

/* Page after page, as a compiler may leave out what nobody reads. */
static void react_touch(volatile char *memory, size_t size)
{
    for (size_t at = 0; at < size; at += 1024)
        memory[at] = 1;
}

static void react_wait(struct react *react)
{
    while (sem_wait(&react->told) != 0)
        ;
}

static void react_grow(struct react *react, const struct cartrita_job *job)
{
    char *memory = malloc(react->grow);

    if (memory && react->grow >= REACT_LAST) {
        react_touch(memory, react->grow - REACT_LAST);
        react_write(react, job, "growing"); /* afterwards it may be killed at any moment */
        react_touch(memory + react->grow - REACT_LAST, REACT_LAST);
        react_wait(react);
    }
    free(memory);
}

static void react_one(struct react *react, struct cartrita_job *job)
{
    const char *name = react->host->job_name(job);

    react_write(react, job, "begun");
    if (strcmp(name, "listen") == 0)
        react_wait(react);
    else if (strcmp(name, "loop") == 0)
        for (volatile unsigned long i = 0;; i++)
            ;
    else if (strcmp(name, "crash") == 0)
        *(volatile int *)0 = 1;
    else if (strcmp(name, "grow") == 0)
        react_grow(react, job);
    react->host->complete(job, NULL, 0);
}

static void react_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < job_count; i++)
        react_one(self, jobs[i]);
}

static void react_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    struct react *react = self;

    (void)reason;
    react_write(react, job, "told");
    sem_post(&react->told);
}

static void react_close(void *self)
{
    struct react *react = self;

    close(react->fd);
    sem_destroy(&react->told);
    free(react);
}

CARTRITA_PLUGIN(.name = "react", .version = "1.0", .open = react_open, .run = react_run,
                .cancel = react_cancel, .close = react_close)
