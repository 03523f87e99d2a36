/* server/dialect/bull: what a producer gives at the edges of what can be stored, found by
 * tests/fuzz/fuzz_options.c and fuzz_reply.c. */
#include <check.h>
#include <stdlib.h>

#include "dialect/bull/entry.h"
#include "dialect/shared/memberlist.h"
#include "dialect/bull/iteration.h"
#include "dialect/shared/plan.h"
#include "tests/lib/unit.h"

#define NOW 1700000000000

static struct ct_error err;

static const struct {
    double number;
    const char *text; /* what Node prints */
} numbers[] = {
    {0, "0"},
    {-0.0, "0"},
    {1700000000000, "1700000000000"},
    {-1.5, "-1.5"},
    {0.1, "0.1"},
    {0.000001, "0.000001"},
    {0.0000001, "1e-7"},
    {1.25e-9, "1.25e-9"},
    {9007199254740993.0, "9007199254740992"},
    {12345678901234567890.0, "12345678901234567000"},
    {123456789012345680000.0, "123456789012345680000"},
    {1e21, "1e+21"},
    {-1.7976931348623157e308, "-1.7976931348623157e+308"},
    {5e-324, "5e-324"},
    {1700000000000.25, "1700000000000.25"},
};

START_TEST(test_numbers_print_as_in_javascript)
{
    struct ct_buf text;

    ct_buf_init(&text);
    js_append_number(&text, numbers[_i].number);
    ct_buf_append_char(&text, '\0');
    ck_assert_str_eq(ct_buf_data(&text), numbers[_i].text);
    ct_buf_free(&text);
}
END_TEST

static const struct {
    const char *opts, *detail;
} refused[] = {
    {"{\"delay\":1e300}", "options delay and timestamp must be at most 8640000000000000 ms"},
    {"{\"timestamp\":-1e16}", "options delay and timestamp must be at most 8640000000000000 ms"},
    {"{\"debounce\":{\"id\":1,\"ttl\":1e300}}",
     "option debounce.ttl must be a whole number of ms, from 1 to 8640000000000000"},
    {"{\"repeat\":{\"every\":5},\"prevMillis\":1e300}", "option prevMillis must be a time in ms"},
    {"{\"jobId\":\"wait\"}", "option jobId \"wait\" is the name of a key of the queue itself"},
    {"{\"jobId\":\"id\"}", "option jobId \"id\" is the name of a key of the queue itself"},
    {"{\"jobId\":\"7:lock\"}", "option jobId \"7:lock\" is the name of a key of the queue itself"},
    {"{\"jobId\":\"7:logs\"}", "option jobId \"7:logs\" is the name of a key of the queue itself"},
    {"{\"priority\":\"x\"}", "option priority must be a number"},
};

static enum ct_code entry_try(const char *opts)
{
    struct dialect_queue queue = {.settings = {.limiter_group_key = NULL}};
    struct entry entry = {.opts = ct_str_of(opts), .now_ms = NOW};
    struct redis_command command;

    err = (struct ct_error){CT_E_OK, ""};
    redis_command_init(&command, NULL);
    enum ct_code rc = entry_write(&queue, &entry, &ct_random_system, &command, &err);
    ck_assert(rc == CT_E_OK || command.argc == 0);
    redis_command_fini(&command);
    return rc;
}

START_TEST(test_what_redis_could_not_take_is_refused)
{
    ck_assert_int_eq(entry_try(refused[_i].opts), CT_E_INVALID);
    ck_assert_str_eq(err.detail, refused[_i].detail);
}
END_TEST

/* The next slot of `opts`, which become those of the next iteration. */
static double step(struct memberlist *opts)
{
    struct iteration next = {.series = NULL};

    ck_assert_int_eq(iteration_next(CT_STR_LIT("n"), opts, NOW, &next, &err), CT_E_OK);
    free(next.series);
    return next.slot_ms;
}

static const char *const series[] = {"{\"repeat\":{\"every\":1.5},\"prevMillis\":1700000000001}",
                                     "{\"repeat\":{\"every\":1000000000000000.5}}",
                                     "{\"repeat\":{\"every\":1.1}}"};

START_TEST(test_a_fractional_interval_does_not_stand_still)
{
    struct memberlist opts;
    double slot_ms, last_ms = 0;

    ck_assert_int_eq(memberlist_init(&opts, ct_str_of(series[_i]), "opts", &err), CT_E_OK);
    for (int i = 0; i < 5; i++, last_ms = slot_ms) {
        slot_ms = step(&opts);
        ck_assert(slot_ms > last_ms);
    }
    memberlist_fini(&opts);
}
END_TEST

START_TEST(test_a_series_keeps_the_fraction_of_its_slots)
{
    struct iteration next = {.series = NULL};
    struct memberlist opts;
    struct ct_buf text;

    ck_assert_int_eq(memberlist_init(&opts, ct_str_of(series[0]), "opts", &err), CT_E_OK);
    ck_assert_int_eq(iteration_next(CT_STR_LIT("n"), &opts, NOW, &next, &err), CT_E_OK);
    ck_assert(next.slot_ms == 1700000000002.5 || next.slot_ms == 1700000000001.5);
    ct_buf_init(&text);
    js_append_number(&text, next.slot_ms);
    struct ct_str prev = memberlist_find(&opts, "prevMillis"), id = memberlist_find(&opts, "jobId");
    ck_assert(ct_str_equal(prev, ct_buf_str(&text)));
    ck_assert_ptr_nonnull(memmem(id.data, id.len, ct_buf_data(&text), text.len));
    ct_buf_free(&text);
    free(next.series);
    memberlist_fini(&opts);
}
END_TEST

/* {"a0":1, ...,"repeat":{"b0":1,...,"every":5}} */
static char *crowd(int outer, int inner)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_append_char(&text, '{');
    for (int i = 0; i < outer; i++)
        ct_buf_printf(&text, "\"a%d\":1,", i);
    ct_buf_append_str(&text, CT_STR_LIT("\"repeat\":{"));
    for (int i = 0; i < inner; i++)
        ct_buf_printf(&text, "\"b%d\":1,", i);
    ct_buf_append_str(&text, CT_STR_LIT("\"every\":5}}"));
    return ct_buf_take(&text, NULL);
}

/* With jobId, delay, timestamp, prevMillis, attempts; in repeat with count and key. */
START_TEST(test_what_is_stored_can_be_read_again)
{
    const int outer_max = MEMBERLIST_READ_MAX - 6, inner_max = MEMBERLIST_READ_MAX - 3;

    for (int more = 0; more < 3; more++) {
        char *opts = crowd(outer_max + (more == 1), inner_max + (more == 2));

        ck_assert_int_eq(entry_try(opts), more ? CT_E_TOO_LARGE : CT_E_OK);
        ck_assert(!more || strstr(err.detail, "MEMBERLIST_READ_MAX"));
        free(opts);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof(table)[0])

/* Two answers to one effect. */
START_TEST(test_an_effect_that_is_answered_twice_is_an_error)
{
#define JOB \
    "*10\r\n$1\r\nn\r\n$2\r\n{}\r\n$2\r\n{}\r\n:1\r\n$-1\r\n$-1\r\n$-1\r\n$1\r\n7\r\n:1\r\n:1\r\n"
    static const char text[] =
        "*8\r\n*0\r\n*4\r\n:1\r\n" JOB ":1\r\n" JOB "$-1\r\n:0\r\n:0\r\n:0\r\n:0\r\n$-1\r\n";
    struct dialect_queue queue = {.rules = &bull_commit_rules};
    struct redis_reply *reply = redis_reply_parse(text, sizeof text - 1);
    struct effect *take = effect_new(EFFECT_TAKE, CT_STR_LIT("7"), CT_STR_NONE);
    struct commit commit;

    commit_init(&commit);
    commit.token_base = "base";
    ct_list_push_back(&commit.effects, &take->link);
    commit.effect_count = 1;
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(dialect_parse_commit(&queue, &commit, reply, &err), CT_E_INTERNAL);
    commit_fini(&commit, plan_free);
    redis_reply_free(reply);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_numbers_print_as_in_javascript, 0, COUNT(numbers));
    tcase_add_loop_test(tcase, test_what_redis_could_not_take_is_refused, 0, COUNT(refused));
    tcase_add_loop_test(tcase, test_a_fractional_interval_does_not_stand_still, 0, COUNT(series));
    tcase_add_test(tcase, test_a_series_keeps_the_fraction_of_its_slots);
    tcase_add_test(tcase, test_what_is_stored_can_be_read_again);
    tcase_add_test(tcase, test_an_effect_that_is_answered_twice_is_an_error);
}

int main(void)
{
    return unit_run("entry", add_tests);
}
