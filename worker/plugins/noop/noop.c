/* noop: ends every job at once. For measuring the road, for trying a set-up, and as the smallest
 * plugin to read. Settings: result (JSON text, default null), sleepMs (default 0). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cartrita/plugin.h"

#define NOOP_SLEEP_MAX_MS (24L * 60 * 60 * 1000)
#define NOOP_NAP_MS       20L /* how soon a sleeping job sees that it is cancelled */

struct noop {
    const struct cartrita_host *host; /* borrowed */
    char *result;                     /* owned; NULL: null */
    size_t result_len;
    long sleep_ms;
};

/* The value of "key" in a flat JSON object of strings and numbers, unescaped, as fresh memory; NULL
 * when it is absent. Enough for two settings without a JSON library. */
static char *noop_setting(const char *config, const char *key)
{
    char quoted[32];
    const char *at;
    char *value, *end;

    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    at = strstr(config, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " \t\r\n:");
    if (*at != '"')
        return strndup(at, strcspn(at, ",} \t\r\n"));
    value = end = malloc(strlen(at) + 1);
    for (at++; end && *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        *end++ = *at;
    }
    if (end)
        *end = '\0';
    return value;
}

static int32_t noop_open(const struct cartrita_host *host, const char *config, uint32_t concurrency,
                         void **self, char *error, size_t error_size)
{
    struct noop *noop = calloc(1, sizeof *noop);
    char *sleep_ms = noop_setting(config, "sleepMs");
    char *end = NULL;

    (void)concurrency;
    if (!noop)
        return -1;
    noop->host = host;
    noop->result = noop_setting(config, "result");
    noop->result_len = noop->result ? strlen(noop->result) : 0;
    noop->sleep_ms = sleep_ms ? strtol(sleep_ms, &end, 10) : 0;
    if (sleep_ms &&
        (end == sleep_ms || *end || noop->sleep_ms < 0 || noop->sleep_ms > NOOP_SLEEP_MAX_MS)) {
        snprintf(error, error_size, "sleepMs is \"%s\"; it must be 0 to %ld milliseconds", sleep_ms,
                 NOOP_SLEEP_MAX_MS);
        free(sleep_ms);
        free(noop->result);
        free(noop);
        return -1;
    }
    free(sleep_ms);
    *self = noop;
    return 0;
}

static void noop_sleep(const struct noop *noop, struct cartrita_job *job)
{
    for (long left = noop->sleep_ms; left > 0 && !noop->host->is_cancelled(job);
         left -= NOOP_NAP_MS) {
        long nap = left < NOOP_NAP_MS ? left : NOOP_NAP_MS;
        struct timespec time = {.tv_sec = 0, .tv_nsec = nap * 1000000};

        nanosleep(&time, NULL);
    }
}

static void noop_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct noop *noop = self;

    for (size_t i = 0; i < job_count; i++) {
        if (noop->sleep_ms > 0)
            noop_sleep(noop, jobs[i]);
        if (noop->sleep_ms > 0 && noop->host->is_cancelled(jobs[i])) {
            struct cartrita_failure failure = CARTRITA_FAILURE;

            failure.reason = noop->host->cancel_reason(jobs[i]);
            noop->host->fail(jobs[i], &failure);
        } else {
            noop->host->complete(jobs[i], noop->result, noop->result_len);
        }
    }
}

static void noop_close(void *self)
{
    struct noop *noop = self;

    free(noop->result);
    free(noop);
}

CARTRITA_PLUGIN(.name = "noop", .version = "1.0", .open = noop_open, .run = noop_run,
                .close = noop_close)
