/* server/queue/settings: Bull's names and units, refusals by name, and the delays of strategies. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "queue/settings.h"
#include "tests/lib/unit.h"

static struct queue_settings settings;
static struct ct_error err;

static void setup(void)
{
    queue_settings_init(&settings);
}

static void teardown(void)
{
    queue_settings_fini(&settings);
}

static enum ct_code parse(const char *text)
{
    return queue_settings_parse(&settings, ct_str_of(text), &err);
}

START_TEST(test_defaults)
{
    ck_assert_int_eq(settings.lock_duration_ms, 30000);
    ck_assert_int_eq(settings.lock_renew_ms, 15000);
    ck_assert_int_eq(settings.stalled_interval_ms, 30000);
    ck_assert_int_eq(settings.max_stalled_count, 1);
    ck_assert_int_eq(settings.guard_interval_ms, 5000);
    ck_assert_int_eq(settings.retry_process_delay_ms, 5000);
    ck_assert_int_eq(settings.drain_delay_ms, 5000);
    ck_assert_ptr_null(settings.dead_letter_queue);
    ck_assert_int_eq(settings.dead_letter_max, 100000);
    ck_assert_ptr_null(settings.worker_name);
    ck_assert_int_eq(settings.max_started_attempts, 0);
    ck_assert_int_eq(settings.maximum_rate_limit_delay_ms, 30000);
    ck_assert_int_eq(settings.on_complete.count, -1);
    ck_assert_int_eq(settings.on_fail.age_s, -1);
    ck_assert_int_eq(queue_settings_parse(&settings, CT_STR_NONE, &err), CT_E_OK);
}
END_TEST

START_TEST(test_all_names)
{
    ck_assert_int_eq(
        parse("{\"lockDuration\":1000,\"stalledInterval\":0,\"maxStalledCount\":3,\"maxCrashes\":4,"
              "\"guardInterval\":7,\"retryProcessDelay\":8,\"drainDelay\":0.5,"
              "\"limiter\":{\"max\":5,\"duration\":60000,\"bounceBack\":true,\"groupKey\":\"a.b\"},"
              "\"metrics\":{\"maxDataPoints\":20},"
              "\"deadLetterQueue\":\"dead\",\"deadLetterMax\":7,"
              "\"backoffStrategies\":{\"slow\":{\"type\":\"linear\",\"delay\":10}}}"),
        CT_E_OK);
    ck_assert_int_eq(settings.lock_duration_ms, 1000);
    ck_assert_int_eq(settings.lock_renew_ms, 500); /* follows lockDuration */
    ck_assert_int_eq(settings.stalled_interval_ms, 0);
    ck_assert_int_eq(settings.max_stalled_count, 3);
    ck_assert_int_eq(settings.max_crashes, 4);
    ck_assert_int_eq(settings.drain_delay_ms, 500);
    ck_assert_int_eq(settings.limiter_max, 5);
    ck_assert_int_eq(settings.limiter_duration_ms, 60000);
    ck_assert(settings.limiter_bounce_back);
    ck_assert_str_eq(settings.limiter_group_key, "a.b");
    ck_assert_int_eq(settings.metrics_max_points, 20);
    ck_assert_str_eq(settings.dead_letter_queue, "dead");
    ck_assert_int_eq(settings.dead_letter_max, 7);
    ck_assert_ptr_nonnull(queue_settings_strategy(&settings, CT_STR_LIT("slow")));
    ck_assert_ptr_null(queue_settings_strategy(&settings, CT_STR_LIT("slo")));

    ck_assert_int_eq(parse("{\"limiter\":null,\"metrics\":null,\"backoffStrategies\":null}"),
                     CT_E_OK);
    ck_assert_int_eq(settings.limiter_max, 0);
    ck_assert_ptr_null(settings.limiter_group_key);
    ck_assert_int_eq(settings.metrics_max_points, 0);
    ck_assert_uint_eq(settings.strategy_count, 0);
    ck_assert_int_eq(settings.max_stalled_count, 3); /* what is not named stays */
}
END_TEST

START_TEST(test_names_of_bullmq)
{
    ck_assert_int_eq(parse("{\"name\":\"w1\",\"maxStartedAttempts\":4,"
                           "\"maximumRateLimitDelay\":900}"),
                     CT_E_OK);
    ck_assert_str_eq(settings.worker_name, "w1");
    ck_assert_int_eq(settings.max_started_attempts, 4);
    ck_assert_int_eq(settings.maximum_rate_limit_delay_ms, 900);
    ck_assert_int_eq(parse("{\"name\":null}"), CT_E_OK);
    ck_assert_ptr_null(settings.worker_name);
}
END_TEST

static const struct {
    const char *text;
    struct keep keep;
} keeps[] = {
    {"true", {0, -1, 0}},
    {"false", {-1, -1, 0}},
    {"null", {-1, -1, 0}},
    {"0", {0, -1, 0}},
    {"50", {50, -1, 0}},
    {"{}", {-1, -1, 0}},
    {"{\"age\":60}", {-1, 60, 0}},
    {"{\"age\":0}", {-1, 0, 0}},
    {"{\"age\":60,\"count\":5,\"limit\":9}", {5, 60, 9}},
    {"{\"count\":0,\"age\":60}", {0, -1, 0}},
};

START_TEST(test_what_is_kept)
{
    struct keep keep = keeps[_i].keep;
    char text[128];

    snprintf(text, sizeof text, "{\"removeOnComplete\":%s}", keeps[_i].text);
    ck_assert_int_eq(parse(text), CT_E_OK);
    ck_assert_int_eq(settings.on_complete.count, keep.count);
    ck_assert_int_eq(settings.on_complete.age_s, keep.age_s);
    ck_assert_int_eq(settings.on_complete.limit, keep.limit);
    ck_assert_int_eq(settings.on_fail.count, -1);
}
END_TEST

static const struct {
    const char *text, *detail;
} bad[] = {
    {"[]", "settings of a queue"},
    {"{\"lockDuraton\":1}", "did you mean lockDuration?"},
    {"{\"concurrency\":1}", "unknown setting concurrency"},
    {"{\"lockDuration\":\"1\"}", "lockDuration must be a whole number"},
    {"{\"lockDuration\":1.5}", "lockDuration must be a whole number"},
    {"{\"lockDuration\":9}", "from 10"},
    {"{\"lockDuration\":1000,\"lockRenewTime\":1000}", "lockRenewTime (1000 ms) must be shorter"},
    {"{\"drainDelay\":0}", "drainDelay must be a number"},
    {"{\"limiter\":{\"max\":1}}", "limiter needs both max and duration"},
    {"{\"limiter\":5}", "limiter must be an object"},
    {"{\"limiter\":{\"max\":1,\"duration\":1,\"groupkey\":\"x\"}}", "did you mean groupKey?"},
    {"{\"limiter\":{\"max\":1,\"duration\":1,\"groupKey\":\"\"}}", "limiter.groupKey"},
    {"{\"limiter\":{\"max\":1,\"duration\":1,\"bounceBack\":1}}", "limiter.bounceBack"},
    {"{\"metrics\":{\"maxDataPoints\":0}}", "metrics.maxDataPoints"},
    {"{\"metrics\":{\"points\":1}}", "unknown setting metrics.points"},
    {"{\"deadLetterQueue\":\"\"}", "deadLetterQueue must be the name of a queue"},
    {"{\"deadLetterQueue\":1}", "deadLetterQueue must be the name of a queue"},
    {"{\"deadLetterQueue\":\"a\",\"deadLetterMax\":0}", "deadLetterMax must be a whole number"},
    {"{\"deadletterQueue\":\"a\"}", "did you mean deadLetterQueue?"},
    {"{\"name\":\"\"}", "name must be the name of a worker"},
    {"{\"name\":\"a b\"}", "without blanks"},
    {"{\"name\":\"\u00e9\"}", "printable ASCII"},
    {"{\"maxStartedAttempts\":0}", "maxStartedAttempts must be a whole number from 1"},
    {"{\"maximumRateLimitDelay\":0}", "maximumRateLimitDelay must be"},
    {"{\"removeOnComplete\":-1}", "removeOnComplete must be true, false"},
    {"{\"removeOnFail\":\"all\"}", "removeOnFail must be true, false"},
    {"{\"removeOnFail\":{\"age\":1.5}}", "in whole numbers"},
    {"{\"removeOnFail\":{\"age\":1,\"limit\":0}}", "removeOnFail must be"},
    {"{\"removeOnFail\":{\"ages\":1}}", "removeOnFail must be"},
    {"{\"backoffStrategies\":[]}", "backoffStrategies must be an object"},
    {"{\"backoffStrategies\":{\"a\":1}}", "backoffStrategies.a must be an object"},
    {"{\"backoffStrategies\":{\"a\":{\"type\":\"odd\",\"delay\":1}}}", "backoffStrategies.a.type"},
    {"{\"backoffStrategies\":{\"a\":{\"type\":\"fixed\"}}}", "needs type and delay"},
    {"{\"backoffStrategies\":{\"a\":{\"delays\":[]}}}", "backoffStrategies.a.delays"},
    {"{\"backoffStrategies\":{\"a\":{\"delays\":[1],\"delay\":1}}}", "needs type and delay"},
    {"{\"backoffStrategies\":{\"a\":{\"type\":\"fixed\",\"delay\":1,\"jitter\":2}}}", "a.jitter"},
    {"{\"backoffStrategies\":{\"a\":{\"type\":\"fixed\",\"delay\":1,\"x\":2}}}", "a.x"},
};

START_TEST(test_refusals_change_nothing)
{
    struct queue_settings before;

    ck_assert_int_eq(parse("{\"limiter\":{\"max\":3,\"duration\":9,\"groupKey\":\"k\"},"
                           "\"backoffStrategies\":{\"s\":{\"delays\":[1,2]}}}"),
                     CT_E_OK);
    queue_settings_copy(&before, &settings);
    ck_assert_int_ne(parse(bad[_i].text), CT_E_OK);
    ck_assert_msg(strstr(err.detail, bad[_i].detail), "%s: %s", bad[_i].text, err.detail);
    ck_assert(queue_settings_equal(&before, &settings));
    queue_settings_fini(&before);
}
END_TEST

START_TEST(test_dead_letters_of_itself)
{
    ck_assert_int_eq(parse("{\"deadLetterQueue\":\"dead\"}"), CT_E_OK);
    ck_assert_int_eq(queue_settings_check(&settings, "mail", &err), CT_E_OK);
    ck_assert_int_eq(queue_settings_check(&settings, "dead", &err), CT_E_INVALID);
    ck_assert_msg(strstr(err.detail, "'dead' is that queue itself"), "%s", err.detail);
    ck_assert_int_eq(parse("{\"deadLetterQueue\":null}"), CT_E_OK);
    ck_assert_int_eq(queue_settings_check(&settings, "dead", &err), CT_E_OK);
}
END_TEST

START_TEST(test_equal)
{
    static const char *const texts[] = {
        "{\"lockDuration\":1000}",
        "{\"drainDelay\":1}",
        "{\"maxCrashes\":0}",
        "{\"limiter\":{\"max\":1,\"duration\":1}}",
        "{\"limiter\":{\"max\":1,\"duration\":1,\"groupKey\":\"k\"}}",
        "{\"metrics\":{\"maxDataPoints\":1}}",
        "{\"deadLetterQueue\":\"a\"}",
        "{\"deadLetterMax\":5}",
        "{\"name\":\"a\"}",
        "{\"maxStartedAttempts\":5}",
        "{\"maximumRateLimitDelay\":5}",
        "{\"removeOnComplete\":5}",
        "{\"removeOnComplete\":{\"age\":5}}",
        "{\"removeOnComplete\":{\"age\":5,\"limit\":5}}",
        "{\"removeOnFail\":5}",
        "{\"backoffStrategies\":{\"a\":{\"delays\":[1]}}}",
        "{\"backoffStrategies\":{\"a\":{\"delays\":[2]}}}",
        "{\"backoffStrategies\":{\"b\":{\"delays\":[2]}}}",
    };
    struct queue_settings before;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        queue_settings_copy(&before, &settings);
        ck_assert(queue_settings_equal(&before, &settings));
        ck_assert_int_eq(parse(texts[i]), CT_E_OK);
        ck_assert_msg(!queue_settings_equal(&before, &settings), "%s", texts[i]);
        queue_settings_fini(&before);
    }
}
END_TEST

static int64_t delay_of(const char *name, uint32_t attempts_made)
{
    uint64_t seed = 7;
    struct ct_random random = ct_random_seeded(&seed);
    const struct strategy *strategy = queue_settings_strategy(&settings, ct_str_of(name));

    ck_assert_ptr_nonnull(strategy);
    return strategy_delay(strategy, attempts_made, &random);
}

START_TEST(test_delays)
{
    ck_assert_int_eq(
        parse("{\"backoffStrategies\":{\"fix\":{\"type\":\"fixed\",\"delay\":100},"
              "\"exp\":{\"type\":\"exponential\",\"delay\":100,\"max\":1000},"
              "\"lin\":{\"type\":\"linear\",\"delay\":100},\"steps\":{\"delays\":[5,50,-1]},"
              "\"rand\":{\"type\":\"fixed\",\"delay\":1000,\"jitter\":0.5}}}"),
        CT_E_OK);
    ck_assert_int_eq(delay_of("fix", 9), 100);
    ck_assert_int_eq(delay_of("exp", 1), 100);
    ck_assert_int_eq(delay_of("exp", 2), 300);
    ck_assert_int_eq(delay_of("exp", 3), 700);
    ck_assert_int_eq(delay_of("exp", 4), 1000);
    ck_assert_int_eq(delay_of("exp", UINT32_MAX), 1000);
    ck_assert_int_eq(delay_of("lin", 3), 300);
    ck_assert_int_eq(delay_of("steps", 1), 5);
    ck_assert_int_eq(delay_of("steps", 2), 50);
    ck_assert_int_eq(delay_of("steps", 3), -1);
    ck_assert_int_eq(delay_of("steps", 9), -1);
    ck_assert_int_ge(delay_of("rand", 1), 500);
    ck_assert_int_lt(delay_of("rand", 1), 1000);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_all_names);
    tcase_add_test(tcase, test_names_of_bullmq);
    tcase_add_loop_test(tcase, test_what_is_kept, 0, sizeof keeps / sizeof keeps[0]);
    tcase_add_loop_test(tcase, test_refusals_change_nothing, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tcase, test_dead_letters_of_itself);
    tcase_add_test(tcase, test_equal);
    tcase_add_test(tcase, test_delays);
}

int main(void)
{
    return unit_run("settings", add_tests);
}
