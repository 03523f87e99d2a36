/* server/dialect/bull: options as workers read them, what producers give as it is stored, names of
 * series, and what failures lead to. All expected texts are those of the protocol. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/random.h"
#include "dialect/bull/entry.h"
#include "dialect/shared/options.h"
#include "dialect/bull/iteration.h"
#include "dialect/registry.h"
#include "tests/lib/unit.h"

#define NOW 1795430169372

static struct ct_error err;

/* --- options of stored jobs --- */

static const struct {
    const char *json;
    struct keep keep;
} keeps[] = {
    {"true", {0, -1, 0}},
    {"false", {-1, -1, 0}},
    {"null", {-1, -1, 0}}, /* Bull loses the job */
    {"\"\"", {-1, -1, 0}},
    {"\"yes\"", {0, -1, 0}},
    {"0", {0, -1, 0}},
    {"50", {50, -1, 0}},
    {"-1", {-1, -1, 0}},
    {"{}", {-1, -1, 0}},
    {"{\"age\":10}", {-1, 10, 0}},
    {"{\"age\":0}", {-1, 0, 0}},
    {"{\"count\":3,\"age\":10}", {3, 10, 0}},
    {"{\"count\":0,\"age\":10}", {0, -1, 0}},
    {"{\"count\":-2}", {-1, -1, 0}},
    {"{\"count\":null}", {-1, -1, 0}},
    {"[1]", {-1, -1, 0}},
    {"1e300", {9007199254740991, -1, 0}},
};

START_TEST(test_keep)
{
    struct job_options options;
    char *text =
        ct_asprintf("{ \"x\" : \"removeOnFail\\\"\", \"removeOnComplete\" : %s }", keeps[_i].json);

    ck_assert_int_eq(options_read(ct_str_of(text), &options, &err), CT_E_OK);
    ck_assert_int_eq(options.on_complete.count, keeps[_i].keep.count);
    ck_assert_int_eq(options.on_complete.age_s, keeps[_i].keep.age_s);
    ck_assert_int_eq(options.on_fail.count, -1);
    free(text);
}
END_TEST

START_TEST(test_options)
{
    struct job_options options;

    ck_assert_int_eq(
        options_read(CT_STR_LIT("{\"nested\":{\"timeout\":1,\"a\":[\"}\",{\"lifo\":true}]},"
                                "\"attempts\":\"4x\",\"tim\\u0065out\":250.2,\"lifo\":1,"
                                "\"repeat\":{\"every\":5},\"stackTraceLimit\":2,"
                                "\"backoff\":{\"type\":\"fixed\"},\"attempts\":\" 7 \"}"),
                     &options, &err),
        CT_E_OK);
    ck_assert(options.attempts == 7); /* the last one counts */
    ck_assert_int_eq(options.timeout_ms, 251);
    ck_assert(options.is_lifo);
    ck_assert(ct_str_is(options.repeat, "{\"every\":5}"));
    ck_assert(ct_str_is(options.backoff, "{\"type\":\"fixed\"}"));

    ck_assert_int_eq(options_read(CT_STR_LIT("{}"), &options, &err), CT_E_OK);
    ck_assert(options.attempts == 1 && options.timeout_ms == 0 && !options.is_lifo);
    ck_assert_ptr_null(options.backoff.data);
    ck_assert_int_eq(options_read(CT_STR_LIT("{\"attempts\":null}"), &options, &err), CT_E_OK);
    ck_assert(options.attempts != options.attempts); /* no number: no retry */
    ck_assert_int_eq(options_read(CT_STR_LIT("[]"), &options, &err), CT_E_INVALID);
    ck_assert_int_eq(options_read(CT_STR_LIT("{\"a\":}"), &options, &err), CT_E_BAD_JSON);
}
END_TEST

/* --- adding --- */

static struct dialect_queue *queue;
static struct queue_settings settings;

static void setup(void)
{
    queue_settings_init(&settings);
    ck_assert_int_eq(
        dialect_find("bull")->open(&(struct queue_name){"bull", "q"}, &settings, &queue, &err),
        CT_E_OK);
}

static void teardown(void)
{
    dialect_find("bull")->close(queue);
    queue_settings_fini(&settings);
}

/* Argument `index` of a command, NUL-terminated; the caller frees. */
static char *argument(const struct redis_command *command, unsigned index)
{
    const char *at = ct_buf_data(&command->body);

    for (;; index--) {
        size_t len = strtoul(at + 1, (char **)&at, 10);
        at += 2;
        if (index == 0)
            return ct_strndup(at, len);
        at += len + 2;
    }
}

/* Of inc/add.lua, behind those of the series. */
enum {
    ARG_SERIES,
    ARG_SLOT,
    ARG_CHECK,
    ARG_ID,
    ARG_NAME,
    ARG_DATA,
    ARG_OPTS,
    ARG_TIMESTAMP,
    ARG_DELAY,
    ARG_DUE
};

static void assert_argument(const struct redis_command *command, unsigned index, const char *is)
{
    char *text = argument(command, index);

    ck_assert_str_eq(text, is);
    free(text);
}

static const struct {
    const char *given, *stored;
} adds[] = {
    {NULL, "{\"attempts\":1,\"delay\":0,\"timestamp\":1795430169372}"},
    {"{ \"lifo\" : true , \"x\" : [ 1 , \"a b\" ] }",
     "{\"lifo\":true,\"x\":[1,\"a b\"],\"attempts\":1,\"delay\":0,\"timestamp\":1795430169372}"},
    {"{\"delay\":\"5\",\"attempts\":\"3.7\",\"timestamp\":12}",
     "{\"delay\":5,\"attempts\":3,\"timestamp\":12}"},
    {"{\"backoff\":100}", "{\"backoff\":{\"type\":\"fixed\",\"delay\":100},\"attempts\":1,"
                          "\"delay\":0,\"timestamp\":1795430169372}"},
    {"{\"backoff\":null,\"attempts\":0}",
     "{\"attempts\":0,\"delay\":0,\"timestamp\":1795430169372}"},
    {"{\"delay\":0.5,\"timestamp\":1}", "{\"delay\":0.5,\"timestamp\":1,\"attempts\":1}"},
};

START_TEST(test_stored_options)
{
    struct redis_command command;
    struct entry entry = {.opts = ct_str_of(adds[_i].given), .now_ms = NOW};

    redis_command_init(&command, NULL);
    ck_assert_int_eq(entry_write(queue, &entry, &ct_random_system, &command, &err), CT_E_OK);
    assert_argument(&command, ARG_OPTS, adds[_i].stored);
    assert_argument(&command, ARG_NAME, "__default__");
    assert_argument(&command, ARG_DATA, "{}");
    redis_command_fini(&command);
}
END_TEST

static const struct {
    const char *name, *repeat, *job_id, *series, *id_hash;
} series[] = {
    {"__default__", "{\"cron\":\"* * * * *\"}", NULL, "__default__::::* * * * *",
     "06ff7e943c0b9a35a957a28ad1155a1b"},
    {"__default__", "{\"every\":1000}", NULL, "__default__:::1000",
     "6f7759385e855ae9ce8f89c1765be3a3"},
    {"nm", "{\"every\":1000}", NULL, "nm:::1000", "8d90c1de6cc50b078f7e8062d48e4e71"},
    {"nm",
     "{\"cron\":\"*/5 * * * *\",\"tz\":\"America/New_York\",\"endDate\":\"2099-01-01\","
     "\"jobId\":\"myid\"}",
     NULL, "nm:myid:4070908800000:America/New_York:*/5 * * * *",
     "479238b78b4150d9241ed2541aed860b"},
    {"nm",
     "{\"cron\":\"*/5 * * * *\",\"tz\":\"America/New_York\","
     "\"endDate\":\"2099-01-01T01:00:00+01:00\"}",
     "myid", "nm:myid:4070908800000:America/New_York:*/5 * * * *",
     "479238b78b4150d9241ed2541aed860b"},
    {"report", "{\"cron\":\"0 9 * * 1-5\",\"tz\":\"Europe/Madrid\"}", NULL,
     "report:::Europe/Madrid:0 9 * * 1-5", "3f55994deedefd5f347ee1a054a081ee"},
    {"report", "{\"every\":60000,\"jobId\":\"r1\"}", NULL, "report:r1::60000",
     "9ef4d6996bb12da6618f7385e3cf0164"},
};

START_TEST(test_series)
{
    char *opts = ct_asprintf(
        "{\"repeat\":%s%s%s%s}", series[_i].repeat, series[_i].job_id ? ",\"jobId\":\"" : "",
        series[_i].job_id ? series[_i].job_id : "", series[_i].job_id ? "\"" : "");
    struct entry entry = {
        .name = ct_str_of(series[_i].name), .opts = ct_str_of(opts), .now_ms = NOW};
    struct redis_command command;

    redis_command_init(&command, NULL);
    ck_assert_int_eq(entry_write(queue, &entry, &ct_random_system, &command, &err), CT_E_OK);
    assert_argument(&command, ARG_SERIES, series[_i].series);
    char *slot = argument(&command, ARG_SLOT);
    char *id = ct_asprintf("repeat:%s:%s", series[_i].id_hash, slot);
    assert_argument(&command, ARG_ID, id);
    assert_argument(&command, ARG_DUE, slot);
    ck_assert_int_gt(atoll(slot), NOW);
    free(slot);
    free(id);
    free(opts);
    redis_command_fini(&command);
}
END_TEST

START_TEST(test_next_iteration)
{
    static const char stored[] =
        "{\"repeat\":{\"count\":1,\"key\":\"nm:::1000\",\"every\":1000,\"limit\":2},\"jobId\":"
        "\"x\","
        "\"delay\":628,\"timestamp\":1,\"prevMillis\":1795430170000,\"attempts\":2}";
    struct entry entry = {
        .name = CT_STR_LIT("nm"), .opts = ct_str_of(stored), .now_ms = NOW, .is_next = true};
    struct redis_command command;

    redis_command_init(&command, NULL);
    ck_assert_int_eq(entry_write(queue, &entry, &ct_random_system, &command, &err), CT_E_OK);
    assert_argument(&command, ARG_SLOT, "1795430171000"); /* behind the previous, not now */
    assert_argument(&command, ARG_CHECK, "1");
    assert_argument(&command, ARG_DELAY, "1628");
    assert_argument(&command, ARG_OPTS,
                    "{\"repeat\":{\"count\":2,\"key\":\"nm:::1000\",\"every\":1000,\"limit\":2},"
                    "\"jobId\":\"repeat:8d90c1de6cc50b078f7e8062d48e4e71:1795430171000\","
                    "\"delay\":1628,\"timestamp\":1795430169372,\"prevMillis\":1795430171000,"
                    "\"attempts\":2}");
    redis_command_fini(&command);
}
END_TEST

static const char *const ended[] = {
    "{\"repeat\":{\"count\":3,\"every\":1000,\"limit\":3}}",
    "{\"repeat\":{\"every\":1000,\"endDate\":1795430169371}}",
    "{\"repeat\":{\"cron\":\"0 0 1 1 *\",\"tz\":\"UTC\",\"endDate\":\"2026-11-24\"}}",
};

START_TEST(test_ended)
{
    struct entry entry = {.opts = ct_str_of(ended[_i]), .now_ms = NOW, .is_next = true};
    struct redis_command command;

    redis_command_init(&command, NULL);
    ck_assert_int_eq(entry_write(queue, &entry, &ct_random_system, &command, &err), CT_E_NOT_FOUND);
    ck_assert_uint_eq(command.argc, 0);
    redis_command_fini(&command);
}
END_TEST

/* --- judging --- */

static const struct {
    const char *opts;
    uint32_t attempts_made;
    bool is_unrecoverable;
    int64_t delay; /* what the plugin says; INT64_MIN: nothing */
    enum effect_kind kind;
    int64_t due; /* after NOW */
} verdicts[] = {
    {"{}", 0, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":2}", 0, false, INT64_MIN, EFFECT_RETRY, 0},
    {"{\"attempts\":2}", 1, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":2}", 0, true, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":null}", 0, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":0}", 0, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":9,\"backoff\":100}", 0, false, INT64_MIN, EFFECT_DELAY, 100},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"fixed\",\"delay\":100}}", 4, false, INT64_MIN,
     EFFECT_DELAY, 100},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"fixed\",\"delay\":-1}}", 4, false, INT64_MIN,
     EFFECT_FAIL, 0},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"fixed\"}}", 4, false, INT64_MIN, EFFECT_RETRY, 0},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"exponential\",\"delay\":100}}", 0, false, INT64_MIN,
     EFFECT_DELAY, 100},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"exponential\",\"delay\":100}}", 2, false, INT64_MIN,
     EFFECT_DELAY, 700},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"other\"}}", 2, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":9,\"backoff\":\"fixed\"}", 2, false, INT64_MIN, EFFECT_FAIL, 0},
    {"{\"attempts\":9,\"backoff\":{\"type\":\"other\"}}", 2, false, 5, EFFECT_DELAY, 5},
    {"{\"attempts\":9,\"backoff\":100}", 2, false, 0, EFFECT_RETRY, 0},
    {"{\"attempts\":9}", 2, false, -1, EFFECT_FAIL, 0},
    {"{\"attempts\":2}", 1, false, 5, EFFECT_FAIL, 0},
    {"broken", 0, false, 5, EFFECT_FAIL, 0},
};

START_TEST(test_verdict)
{
    struct job *job =
        job_new(&(struct job_texts){.id = CT_STR_LIT("1"), .opts = ct_str_of(verdicts[_i].opts)});
    struct failure failure = {.is_unrecoverable = verdicts[_i].is_unrecoverable,
                              .has_delay = verdicts[_i].delay != INT64_MIN,
                              .delay_ms = verdicts[_i].delay};

    job->attempts_made = verdicts[_i].attempts_made;
    struct effect *effect =
        dialect_find("bull")->judge(queue, job, &failure, NOW, &ct_random_system);
    ck_assert_int_eq(effect->kind, verdicts[_i].kind);
    ck_assert_uint_eq(effect->attempts_made, verdicts[_i].attempts_made + 1);
    if (effect->kind == EFFECT_DELAY)
        ck_assert_int_eq(effect->due_ms, NOW + verdicts[_i].due);
    ck_assert_ptr_nonnull(strstr(effect->value.data, "Unknown reason"));
    effect_free(effect, NULL);
    job_free(job);
}
END_TEST

static const struct {
    const char *opts, *stored, *stack, *result;
} traces[] = {
    {"{}", NULL, NULL, "[]"},
    {"{}", NULL, "a\n\"b\"", "[\"a\\n\\\"b\\\"\"]"},
    {"{}", "[\"one\", \"t]wo\"]", "three", "[\"one\",\"t]wo\",\"three\"]"},
    {"{}", "[\"one\"]", NULL, "[\"one\"]"},
    {"{}", "not json", "x", "[\"x\"]"},
    {"{}", "{\"a\":1}", "x", "[\"x\"]"},
    {"{\"stackTraceLimit\":2}", "[\"1\",\"2\"]", "3", "[\"2\",\"3\"]"},
    {"{\"stackTraceLimit\":1}", "[\"1\",\"2\"]", "3", "[\"3\"]"},
    {"{\"stackTraceLimit\":0}", "[\"1\",\"2\"]", "3", "[\"1\",\"2\",\"3\"]"},
};

START_TEST(test_stack_traces)
{
    struct job *job = job_new(&(struct job_texts){.id = CT_STR_LIT("1"),
                                                  .opts = ct_str_of(traces[_i].opts),
                                                  .stacktrace = ct_str_of(traces[_i].stored)});
    struct failure failure = {.stack = ct_str_of(traces[_i].stack)};
    struct effect *effect =
        dialect_find("bull")->judge(queue, job, &failure, NOW, &ct_random_system);

    ck_assert_str_eq(effect->extra.data, traces[_i].result);
    effect_free(effect, NULL);
    job_free(job);
}
END_TEST

/* --- replies that are not what the script answers --- */

static const char *const replies[] = {
    "$-1\r\n",
    ":5\r\n",
    "*0\r\n",
    "*7\r\n*1\r\n$1\r\nx\r\n*0\r\n$-1\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
    "*7\r\n*0\r\n*2\r\n:9\r\n:-1\r\n$-1\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
    "*7\r\n*0\r\n*2\r\n:1\r\n*0\r\n$-1\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
};

START_TEST(test_strange_replies)
{
    struct redis_reply *reply = redis_reply_parse(replies[_i], strlen(replies[_i]));
    struct effect *effect = effect_new(EFFECT_TAKE, CT_STR_LIT("1"), CT_STR_NONE);
    struct commit commit;

    ck_assert_ptr_nonnull(reply);
    commit_init(&commit);
    commit.token_base = "t";
    ct_list_push_back(&commit.effects, &effect->link);
    commit.effect_count = 1;
    ck_assert_int_ne(dialect_find("bull")->parse_commit(queue, &commit, reply, &err), CT_E_OK);
    commit_fini(&commit, NULL);
    redis_reply_free(reply);
}
END_TEST

START_TEST(test_wake)
{
    const struct dialect *bull = dialect_find("bull");

    ck_assert_str_eq(bull->wake_channel(queue), "bull:q:delayed");
    ck_assert_str_eq(bull->client_name(queue), "bull:cQ==");
    ck_assert_int_eq(bull->parse_wake(queue, CT_STR_LIT("1795429982832.0024")), 1795429982833);
    ck_assert_int_eq(bull->parse_wake(queue, CT_STR_LIT("5")), 5);
    ck_assert_int_eq(bull->parse_wake(queue, CT_STR_LIT("soon")), COMMIT_NEVER);
    ck_assert_int_eq(bull->parse_wake(queue, CT_STR_LIT("1e300")), COMMIT_NEVER);
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof(list)[0])

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_keep, 0, COUNT(keeps));
    tcase_add_test(tcase, test_options);
    tcase_add_loop_test(tcase, test_stored_options, 0, COUNT(adds));
    tcase_add_loop_test(tcase, test_series, 0, COUNT(series));
    tcase_add_test(tcase, test_next_iteration);
    tcase_add_loop_test(tcase, test_ended, 0, COUNT(ended));
    tcase_add_loop_test(tcase, test_verdict, 0, COUNT(verdicts));
    tcase_add_loop_test(tcase, test_stack_traces, 0, COUNT(traces));
    tcase_add_loop_test(tcase, test_strange_replies, 0, COUNT(replies));
    tcase_add_test(tcase, test_wake);
}

int main(void)
{
    return unit_run("bull_options", add_tests);
}
