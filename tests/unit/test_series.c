/* server/dialect/bullmq/series: what a commit is told to make the next job of a series, when a
 * series has ended, and keys of series in their old form. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "dialect/bullmq/series.h"
#include "dialect/shared/plan.h"
#include "dialect/shared/series_key.h"
#include "tests/lib/unit.h"

#define NOW INT64_C(1774656000000) /* 2026-03-28 00:00 UTC */

static struct ct_error err;

/* The arguments of a plan, each followed by a line break; "" without one. */
static char *planned(const char *id, const char *series, const char *opts)
{
    struct job *job = job_new(&(struct job_texts){
        .id = ct_str_of(id), .series = ct_str_of(series), .opts = ct_str_of(opts)});
    struct redis_command command;
    struct effect *effect;
    struct ct_buf text;

    err.detail[0] = '\0';
    err.code = bullmq_schedule(NULL, job, NOW, &effect, &err);
    ct_buf_init(&text);
    if (effect) {
        redis_command_init(&command, NULL);
        plan_write(effect->plan, &command);
        for (const char *at = ct_buf_data(&command.body), *end = at + command.body.len; at < end;) {
            char *data;
            size_t len = strtoul(at + 1, &data, 10); /* $LEN\r\nDATA\r\n */

            ct_buf_append(&text, data + 2, len);
            ct_buf_append_char(&text, '\n');
            at = data + 2 + len + 2;
        }
        redis_command_fini(&command);
        effect_free(effect, plan_free);
    }
    job_free(job);
    return ct_buf_take(&text, NULL);
}

#define HEAD_EVERY "s\nrepeat:s:1774656000000\n\n60000\n"
#define HEAD_CRON  "s\nrepeat:s:1774656000000\n"

static const struct {
    const char *opts, *plan;
} plans[] = {
    {"{\"repeat\":{\"every\":60000,\"count\":1}}",
     HEAD_EVERY "{\"repeat\":{\"every\":60000,\"count\":2},\"repeatJobKey\":\"s\",\"attempts\":0,"
                "\"jobId\":\"repeat:s:\n0\nL\n\n\n"},
    /* what belongs to one job alone goes; what is of tracing and deduplication stays */
    {"{\"tm\":\"T\",\"omc\":true,\"de\":{\"id\":\"x\"},\"jobId\":\"repeat:s:1\",\"delay\":5,"
     "\"timestamp\":7,\"prevMillis\":1,\"priority\":3,\"lifo\":true,\"attempts\":2,"
     "\"repeat\":{\"every\":6e4,\"count\":4.1e1,\"offset\":7,\"immediately\":true,\"limit\":50}}",
     HEAD_EVERY "{\"tm\":\"T\",\"omc\":true,\"de\":{\"id\":\"x\"},\"priority\":3,\"lifo\":true,"
                "\"attempts\":2,\"repeat\":{\"every\":6e4,\"count\":42,\"offset\":7,\"limit\":50},"
                "\"repeatJobKey\":\"s\",\"jobId\":\"repeat:s:\n3\nR\nx\n\n"},
    {"{\"repeat\":{\"every\":60000},\"backoff\":500}", HEAD_EVERY
     "{\"repeat\":{\"every\":60000,\"count\":1},\"backoff\":{\"type\":\"fixed\","
     "\"delay\":500},\"repeatJobKey\":\"s\",\"attempts\":0,\"jobId\":\"repeat:s:\n0\nL\n\n\n"},
    /* cron: after the later of now and its own slot, which is 04:00 in Madrid; that night clocks go
     * forward */
    {"{\"repeat\":{\"pattern\":\"0 4 * * *\",\"tz\":\"Europe/Madrid\",\"count\":1},"
     "\"prevMillis\":1774666800000,\"attempts\":1}",
     HEAD_CRON
     "1774749600000\n\n{\"repeat\":{\"pattern\":\"0 4 * * *\",\"tz\":\"Europe/Madrid\","
     "\"count\":2},\"attempts\":1,\"repeatJobKey\":\"s\",\"jobId\":\"repeat:s:\n0\nL\n\n1\n"},
    /* what BullMQ 6 refuses and BullMQ 5 does not goes on as there */
    {"{\"repeat\":{\"pattern\":\"0 1,1 * * *\",\"tz\":\"UTC\"},\"attempts\":1}", HEAD_CRON
     "1774659600000\n\n{\"repeat\":{\"pattern\":\"0 1,1 * * *\",\"tz\":\"UTC\","
     "\"count\":1},\"attempts\":1,\"repeatJobKey\":\"s\",\"jobId\":\"repeat:s:\n0\nL\n\n1\n"},
    /* ended */
    {"{\"repeat\":{\"every\":60000,\"count\":3,\"limit\":3}}", ""},
    {"{\"repeat\":{\"every\":60000,\"count\":1,\"endDate\":1774655999999}}", ""},
    {"{\"repeat\":{\"pattern\":\"0 4 * * *\",\"tz\":\"UTC\",\"endDate\":1774660000000}}", ""},
};

START_TEST(test_plans)
{
    char *plan = planned("repeat:s:1774656000000", "s", plans[_i].opts);

    ck_assert_str_eq(plan, plans[_i].plan);
    ck_assert_int_eq(err.code, CT_E_OK);
    free(plan);
}
END_TEST

static const struct {
    const char *id, *series, *opts;
    enum ct_code code;
    const char *detail;
} refused[] = {
    {"repeat:s:1", "s", "{}", CT_E_INVALID, "repeat needs pattern (a text) or every"},
    {"repeat:s:1", "s", "{\"repeat\":{\"every\":0}}", CT_E_INVALID, "repeat needs pattern"},
    {"repeat:s:1", "s", "{\"repeat\":{\"every\":5,\"pattern\":\"* * * * *\"}}", CT_E_INVALID,
     "Both .pattern and .every"},
    {"repeat:s:1", "s", "{\"repeat\":{\"pattern\":\"61 * * * *\"}}", CT_E_INVALID,
     "repeat.pattern"},
    {"repeat:s:1", "s", "{\"repeat\":{\"pattern\":\"1 * * * *\",\"tz\":\"No/Where\"}}",
     CT_E_INVALID, "unknown time zone"},
    {"repeat:s:1", "s", "{\"repeat\":{\"pattern\":\"1 * * * *\"},\"prevMillis\":1e300}",
     CT_E_INVALID, "prevMillis"},
    {"repeat:s:1", "s", "{", CT_E_BAD_JSON, "opts"},
    {"repeat:0a1b:1", "nm:::Europe/Madrid:0 9 * * *", "{\"repeat\":{\"pattern\":\"0 9 * * *\"}}",
     CT_E_UNSUPPORTED, "BullMQ before 5.10"},
    /* kept back by its deduplication id, and added under another: no error, and no other job */
    {"77", "s", "{\"repeat\":{\"every\":5}}", CT_E_OK, ""},
    {"repeat:s", "s", "{\"repeat\":{\"every\":5}}", CT_E_OK, ""},
};

START_TEST(test_refused)
{
    char *plan = planned(refused[_i].id, refused[_i].series, refused[_i].opts);

    ck_assert_str_eq(plan, "");
    ck_assert_int_eq(err.code, refused[_i].code);
    ck_assert_msg(strstr(err.detail, refused[_i].detail), "%s", err.detail);
    free(plan);
}
END_TEST

/* A series' id goes into JSON and into a key: what is odd in it must survive both. */
START_TEST(test_odd_ids)
{
    char *plan =
        planned("repeat:a\"b\\:1", "a\"b\\", "{\"repeat\":{\"every\":1000},\"attempts\":1}");

    ck_assert_msg(strstr(plan, "\"repeatJobKey\":\"a\\\"b\\\\\",\"jobId\":\"repeat:a\\\"b\\\\:\n"),
                  "%s", plan);
    free(plan);
}
END_TEST

static const struct {
    const char *key;
    bool is_legacy;
} keys[] = {
    {"nm::::500", true},       {"nm:id:1774656000000:UTC:0 9 * * *", true},
    {"nm::::0 9 * * *", true}, {"a:b:c:d:e", false},
    {"a:b::d:e", false},       {"a:b:1:d:7", true},
    {"nm:::500", false},       {"nm::x::500", false},
    {"nm::::", false},         {"daily", false},
    {"a:b::c:d:e f", true},    {"", false},
};

START_TEST(test_legacy_keys)
{
    ck_assert_int_eq(series_key_is_legacy(ct_str_of(keys[_i].key)), keys[_i].is_legacy);
}
END_TEST

START_TEST(test_legacy_keys_are_read)
{
    struct schedule schedule;

    schedule_begin(&schedule, CT_STR_LIT("n::5:UTC+03:30:0 9 * * *"));
    ck_assert(
        series_key_fill(CT_STR_LIT("n::5:UTC+03:30:0 9 * * *"), SERIES_KEY_BULLMQ, &schedule));
    ck_assert_str_eq(schedule.name, "n");
    ck_assert_str_eq(schedule.tz, "UTC+03:30");
    ck_assert_str_eq(schedule.cron, "0 9 * * *");
    ck_assert(schedule.end_ms == 5);
    schedule_fini(&schedule);
    schedule_begin(&schedule, CT_STR_LIT("n:i:::700"));
    ck_assert(series_key_fill(CT_STR_LIT("n:i:::700"), SERIES_KEY_BULLMQ, &schedule));
    ck_assert_str_eq(schedule.job_id, "i");
    ck_assert_ptr_null(schedule.cron);
    ck_assert(schedule.every_ms == 700);
    schedule_fini(&schedule);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, test_plans, 0, sizeof plans / sizeof *plans);
    tcase_add_loop_test(tests, test_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tests, test_odd_ids);
    tcase_add_loop_test(tests, test_legacy_keys, 0, sizeof keys / sizeof *keys);
    tcase_add_test(tests, test_legacy_keys_are_read);
}

int main(void)
{
    return unit_run("series", add_tests);
}
