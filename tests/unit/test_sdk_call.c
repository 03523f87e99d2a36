/* SDK calls: each job ends exactly once, by its handler's word, and says why it failed. */
#include "cartrita/sdk/call.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"
#include "tests/lib/unit.h"

/* --- a host that remembers what it was told ------------------------------------------------------
 */

struct cartrita_job {
    const char *name, *data, *cancelled;
    int ends;
    char how[16], text[2048], failure_name[64], log[64], progress[64];
    bool is_unrecoverable, has_delay;
    int64_t delay_ms;
};

static const char *job_name(const struct cartrita_job *job)
{
    return job->name;
}
static const char *job_data(const struct cartrita_job *job, size_t *len)
{
    *len = strlen(job->data);
    return job->data;
}
static int32_t is_cancelled(const struct cartrita_job *job)
{
    return job->cancelled != NULL;
}
static const char *cancel_reason(const struct cartrita_job *job)
{
    return job->cancelled;
}
static void complete(struct cartrita_job *job, const char *json, size_t len)
{
    job->ends++;
    strcpy(job->how, "completed");
    snprintf(job->text, sizeof job->text, "%.*s", (int)len, json ? json : "");
}
static void fail_job(struct cartrita_job *job, const struct cartrita_failure *failure)
{
    job->ends++;
    strcpy(job->how, "failed");
    snprintf(job->text, sizeof job->text, "%s", failure->reason);
    snprintf(job->failure_name, sizeof job->failure_name, "%s", failure->name ? failure->name : "");
    job->is_unrecoverable = failure->is_unrecoverable;
    job->has_delay = failure->has_delay;
    job->delay_ms = failure->delay_ms;
}
static void release(struct cartrita_job *job)
{
    job->ends++;
    strcpy(job->how, "released");
}
static void log_line(struct cartrita_job *job, const char *line, size_t len)
{
    snprintf(job->log, sizeof job->log, "%.*s", (int)len, line);
}
static int32_t progress(struct cartrita_job *job, const char *json, size_t len)
{
    snprintf(job->progress, sizeof job->progress, "%.*s", (int)len, json);
    return 0;
}

static const struct cartrita_host host = {.size = sizeof host,
                                          .job_name = job_name,
                                          .job_data = job_data,
                                          .is_cancelled = is_cancelled,
                                          .cancel_reason = cancel_reason,
                                          .complete = complete,
                                          .fail = fail_job,
                                          .release = release,
                                          .log = log_line,
                                          .progress = progress};

/* --- handlers ------------------------------------------------------------------------------------
 */

static bool run_echo(struct sdk_call *call)
{
    ck_assert_str_eq(call->self, "self");
    call->result = json_incref(call->data);
    return true;
}
static bool run_nothing(struct sdk_call *call)
{
    return true;
}
static bool run_silent(struct sdk_call *call)
{
    return false;
}
static bool run_release(struct sdk_call *call)
{
    call->host->release(call->job);
    call->is_ended = true;
    return true;
}
static bool run_later(struct sdk_call *call)
{
    sdk_retry_later(&call->error, "HttpError", "token hush-hush: busy");
    call->error.delay_ms = 1500;
    return false;
}
static bool run_refuse(struct sdk_call *call)
{
    call->result = json_integer(7); /* is not stored then, and not lost */
    return sdk_refuse(&call->error, "ValidationError", "no");
}
static bool run_told(struct sdk_call *call)
{
    sdk_call_log(call, "step %d with hush-hush", 7);
    sdk_call_progress(call, json_pack("{s:i}", "done", 50));
    return sdk_call_goes_on(call);
}

static const struct sdk_handler handlers[] = {{"echo", run_echo},     {"nothing", run_nothing},
                                              {"silent", run_silent}, {"release", run_release},
                                              {"later", run_later},   {"refuse", run_refuse},
                                              {"told", run_told}};
#define COUNT (sizeof handlers / sizeof handlers[0])

static struct cartrita_job run(const char *name, const char *data)
{
    struct cartrita_job job = {.name = name, .data = data};

    sdk_run_job(&host, "self", &job, handlers, COUNT);
    ck_assert_int_eq(job.ends, 1);
    return job;
}

START_TEST(test_completed)
{
    struct cartrita_job job = run("echo", "{\"a\": [1, \"\xc3\xa9\"]}");

    ck_assert_str_eq(job.how, "completed");
    ck_assert_str_eq(job.text, "{\"a\":[1,\"\xc3\xa9\"]}");
    job = run("echo", " 7");
    ck_assert_str_eq(job.text, "7");
    job = run("echo", "[100000000000000000000]"); /* as JavaScript writes 1e20 */
    ck_assert_str_eq(job.text, "[1e20]");
    job = run("nothing", "null");
    ck_assert_str_eq(job.how, "completed");
    ck_assert_str_eq(job.text, "");
    job = run("release", "{}");
    ck_assert_str_eq(job.how, "released");
}
END_TEST

START_TEST(test_failed)
{
    struct cartrita_job job = run("refuse", "{}");

    ck_assert_str_eq(job.how, "failed");
    ck_assert_str_eq(job.text, "no");
    ck_assert_str_eq(job.failure_name, "ValidationError");
    ck_assert(job.is_unrecoverable && !job.has_delay);
    job = run("silent", "{}");
    ck_assert_str_eq(job.text, "silent failed without a reason");
    ck_assert(!job.is_unrecoverable && !job.has_delay);
}
END_TEST

START_TEST(test_to_be_retried)
{
    struct cartrita_job job;
    char *secret;

    ck_assert(sdk_secret_read("hush-hush", &secret, NULL));
    sdk_secret_free(secret);
    job = run("later", "{}");
    ck_assert_str_eq(job.text, "token ****: busy");
    ck_assert(!job.is_unrecoverable && job.has_delay);
    ck_assert_int_eq(job.delay_ms, 1500);
    job = run("told", "{}");
    ck_assert_str_eq(job.log, "step 7 with ****");
    ck_assert_str_eq(job.progress, "{\"done\":50}");
    ck_assert_str_eq(job.how, "completed");
}
END_TEST

START_TEST(test_broken_data)
{
    static const char *const texts[] = {"", "{", "{} {}", "\"\\u0000\"", "{\"a\":1,}", "\xff"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct cartrita_job job = run("echo", texts[i]);

        ck_assert_str_eq(job.how, "failed");
        ck_assert_msg(strncmp(job.text, "data: cannot be read as JSON: ", 30) == 0, "%s", job.text);
        ck_assert(job.is_unrecoverable);
    }
}
END_TEST

START_TEST(test_names)
{
    static const struct sdk_handler any[] = {{"echo", run_silent}, {NULL, run_nothing}};
    struct cartrita_job job = run("ehco", "{}");

    ck_assert_str_eq(job.text,
                     "no job is called \"ehco\" here (did you mean \"echo\"?); there are: "
                     "echo, nothing, silent, release, later, refuse, told");
    ck_assert(job.is_unrecoverable);
    job = (struct cartrita_job){.name = "whatever", .data = "{}"};
    sdk_run_job(&host, NULL, &job, any, 2);
    ck_assert_str_eq(job.how, "completed");
}
END_TEST

START_TEST(test_cancelled)
{
    struct cartrita_job job = {.name = "told", .data = "{}", .cancelled = "cancelled: enough"};

    sdk_run_job(&host, "self", &job, handlers, COUNT);
    ck_assert_str_eq(job.how, "failed");
    ck_assert_str_eq(job.text, "cancelled: enough");
    ck_assert(!job.is_unrecoverable);
    /* Whatever else went wrong because of it. */
    job = (struct cartrita_job){.name = "refuse", .data = "{}", .cancelled = "timed out"};
    sdk_run_job(&host, "self", &job, handlers, COUNT);
    ck_assert_str_eq(job.text, "timed out");
    ck_assert(!job.is_unrecoverable);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_completed);
    tcase_add_test(tcase, test_failed);
    tcase_add_test(tcase, test_to_be_retried);
    tcase_add_test(tcase, test_broken_data);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_cancelled);
}

int main(void)
{
    return unit_run("sdk_call", add_tests);
}
