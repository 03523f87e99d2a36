/* A job that goes in steps, as BullMQ's documentation shows it for Node: it puts itself off, adds
 * children, waits for them, and ends with what they have returned. The step it has come to is in
 * its data, for each step is a run of its own. Jobs by name:
 *
 *   steps    {"step":"begin","parts":N,...} -> delay -> "split": N children -> "join": their
 * results part     completes with {"part": its data}; with {"fail":true} it fails look completes
 * with what the host says of it limit    the first time in this process rate limited for 500 ms
 *   early    adds a child and completes, although the child is pending */
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/plugin.h"

#include "setting.h"

#define STEPS_DELAY_MS 300
#define STEPS_LIMIT_MS 500
#define STEPS_TEXT_MAX 65536

struct steps {
    const struct cartrita_host *host; /* borrowed */
    atomic_int limited;
};

struct text {
    size_t len;
    char at[STEPS_TEXT_MAX];
};

static void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->at + text->len, sizeof text->at - text->len, format, args);
    va_end(args);
    if (len > 0 && text->len + (size_t)len < sizeof text->at)
        text->len += (size_t)len;
}

static int32_t steps_open(const struct cartrita_host *host, const char *config,
                          uint32_t concurrency, void **self, char *error, size_t error_size)
{
    struct steps *steps = calloc(1, sizeof *steps);

    (void)config;
    (void)concurrency;
    if (!steps || host->size < sizeof *host) {
        snprintf(error, error_size, "steps: this host is too old");
        free(steps);
        return -1;
    }
    steps->host = host;
    *self = steps;
    return 0;
}

static void steps_close(void *self)
{
    free(self);
}

static void steps_fail(const struct steps *steps, struct cartrita_job *job, const char *reason)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    failure.reason = reason;
    steps->host->fail(job, &failure);
}

/* --- steps ---------------------------------------------------------------------------------------
 */

static void steps_go_to(const struct steps *steps, struct cartrita_job *job, const char *step,
                        const char *parts, const char *policy)
{
    struct text data = {0};

    text_add(&data, "{\"step\":\"%s\",\"parts\":%s,\"policy\":\"%s\"}", step, parts, policy);
    steps->host->update_data(job, data.at, data.len);
}

static void steps_add_child(const struct steps *steps, struct cartrita_job *job, int number,
                            const char *policy)
{
    const struct cartrita_host *host = steps->host;
    struct text data = {0}, opts = {0};

    text_add(&data, "{\"part\":%d,\"fail\":%s}", number,
             policy[0] && number == 0 ? "true" : "false");
    text_add(&opts, "{\"parent\":{\"id\":\"%s\",\"queue\":\"%s\"}%s%s%s}", host->job_id(job),
             host->job_queue_key(job), policy[0] ? ",\"" : "", policy, policy[0] ? "\":true" : "");
    host->enqueue(job, host->job_queue(job), "part", data.at, opts.at, NULL, NULL);
}

static int32_t steps_note_child(void *ctx, const char *key, const char *value, size_t len)
{
    struct text *text = ctx;

    text_add(text, "%s\"%s\":%.*s", text->at[text->len - 1] == '{' ? "" : ",", key,
             value ? (int)len : 4, value ? value : "null");
    return 0;
}

static int32_t steps_note_count(void *ctx, const char *key, const char *value, size_t len)
{
    (void)key;
    (void)value;
    (void)len;
    ++*(int *)ctx;
    return 0;
}

static void steps_join(const struct steps *steps, struct cartrita_job *job)
{
    struct text text = {0};
    char error[256] = "";
    int ignored = 0, left = 0;

    text_add(&text, "{\"processed\":{");
    if (steps->host->children(job, CARTRITA_CHILDREN_PROCESSED, steps_note_child, &text, error,
                              sizeof error) != 0 ||
        steps->host->children(job, CARTRITA_CHILDREN_IGNORED, steps_note_count, &ignored, error,
                              sizeof error) != 0 ||
        steps->host->children(job, CARTRITA_CHILDREN_UNPROCESSED, steps_note_count, &left, error,
                              sizeof error) != 0) {
        steps_fail(steps, job, error);
        return;
    }
    text_add(&text, "},\"ignored\":%d,\"left\":%d}", ignored, left);
    steps->host->complete(job, text.at, text.len);
}

static void steps_step(const struct steps *steps, struct cartrita_job *job)
{
    const char *data = steps->host->job_data(job, NULL);
    char step[16], parts[16], policy[40];

    setting_read(data, "step", step, sizeof step);
    setting_read(data, "parts", parts, sizeof parts);
    setting_read(data, "policy", policy, sizeof policy);
    if (strcmp(step, "begin") == 0) {
        steps_go_to(steps, job, "split", parts, policy);
        steps->host->delay(job, STEPS_DELAY_MS);
    } else if (strcmp(step, "split") == 0) {
        steps_go_to(steps, job, "join", parts, policy);
        for (int i = 0; i < atoi(parts); i++)
            steps_add_child(steps, job, i, policy);
        steps->host->wait_for_children(job);
    } else {
        steps_join(steps, job);
    }
}

/* --- the other jobs ------------------------------------------------------------------------------
 */

static void steps_part(const struct steps *steps, struct cartrita_job *job)
{
    struct text text = {0};
    const char *data = steps->host->job_data(job, NULL);

    if (strstr(data, "\"fail\":true")) {
        steps_fail(steps, job, "this part fails");
        return;
    }
    text_add(&text, "{\"part\":%s}", data);
    steps->host->complete(job, text.at, text.len);
}

static void steps_look(const struct steps *steps, struct cartrita_job *job)
{
    const char *telemetry = steps->host->telemetry(job), *parent = steps->host->job_parent(job);
    struct text text = {0};

    text_add(&text, "{\"key\":\"%s\",\"parent\":\"%s\",\"telemetry\":%s}",
             steps->host->job_queue_key(job), parent ? parent : "", telemetry ? telemetry : "null");
    steps->host->complete(job, text.at, text.len);
}

static void steps_one(struct steps *steps, struct cartrita_job *job)
{
    const char *name = steps->host->job_name(job);

    if (strcmp(name, "steps") == 0) {
        steps_step(steps, job);
    } else if (strcmp(name, "part") == 0) {
        steps_part(steps, job);
    } else if (strcmp(name, "look") == 0) {
        steps_look(steps, job);
    } else if (strcmp(name, "limit") == 0 && atomic_fetch_add(&steps->limited, 1) == 0) {
        steps->host->rate_limit(job, STEPS_LIMIT_MS);
    } else if (strcmp(name, "again") == 0 && atomic_fetch_add(&steps->limited, 1) < 3) {
        steps->host->wait(job);
    } else if (strcmp(name, "early") == 0) {
        /* Into a queue that nobody serves; it is there before we complete, for a child is asked. */
        struct text opts = {0};
        char error[256];
        int left = 0;

        text_add(&opts, "{\"jobId\":\"late\",\"parent\":{\"id\":\"%s\",\"queue\":\"%s\"}}",
                 steps->host->job_id(job), steps->host->job_queue_key(job));
        steps->host->enqueue(job, "idle", "part", "{}", opts.at, NULL, NULL);
        while (left == 0 &&
               steps->host->children(job, CARTRITA_CHILDREN_UNPROCESSED, steps_note_count, &left,
                                     error, sizeof error) == 0)
            ;
        steps->host->complete(job, "\"too early\"", 11);
    } else {
        steps->host->complete(job, "\"done\"", 6);
    }
}

static void steps_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < job_count; i++)
        steps_one(self, jobs[i]);
}

CARTRITA_PLUGIN(.name = "steps", .version = "1.0", .open = steps_open, .run = steps_run,
                .close = steps_close)
