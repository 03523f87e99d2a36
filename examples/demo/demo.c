/* The plugin that the demo works on pictures with. It shows what a job may do to its process:
 *
 *   {"operation": "resize"}              works for a moment and completes
 *   {"operation": "crash"}               writes where no memory is: SIGSEGV
 *   {"operation": "crash", "once": true} the same, but only in the first attempt
 *   {"operation": "hang"}                never returns and does not listen
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cartrita/plugin.h"

static const struct cartrita_host *host;

static int32_t demo_open(const struct cartrita_host *given, const char *config,
                         uint32_t concurrency, void **self, char *error, size_t error_size)
{
    (void)config, (void)concurrency, (void)self, (void)error, (void)error_size;
    host = given;
    return 0;
}

/* Enough for a demo whose data has no text that looks like this by accident. */
static int has(const struct cartrita_job *job, const char *text)
{
    return strstr(host->job_data(job, NULL), text) != NULL;
}

static uint32_t turn_pixels(uint32_t rounds)
{
    volatile uint32_t pixel = 1;

    for (uint32_t i = 0; i < rounds; i++)
        pixel = pixel * 1664525u + 1013904223u;
    return pixel;
}

static void demo_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct cartrita_job *job = jobs[0];
    int is_first = host->job_attempts_made(job) == 0;
    char result[64];
    int len;

    (void)self, (void)job_count;
    if (has(job, "\"crash\"") && (is_first || !has(job, "\"once\":true"))) {
        volatile uintptr_t nowhere = sizeof(int); /* nothing is ever mapped there */
        *(volatile int *)nowhere = 1;
    }
    while (has(job, "\"hang\"")) {
        struct timespec nap = {.tv_nsec = 10000000};
        nanosleep(&nap, NULL);
    }
    len = snprintf(result, sizeof result, "{\"pixels\":%u}", turn_pixels(100000000));
    host->complete(job, result, (size_t)len);
}

CARTRITA_PLUGIN(.name = "demo", .version = "1.0", .open = demo_open, .run = demo_run)
