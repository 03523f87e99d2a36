/* worker/report and worker/orders: what a supervisor tells and what it refuses. Slots that nothing
 * lives in are enough for that. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/json.h"
#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/supervisor/orders.h"
#include "worker/supervisor/report.h"

#define NAME_LEN 500u

static char *queues[] = {"mail"};
static struct pool_config config = {.name = "mailing",
                                    .queues = queues,
                                    .queue_count = 1,
                                    .plugin = "/plugins/mail.so",
                                    .options = {.concurrency = 5, .prefix = "app"}};

static json_t *report_of(const struct generation *generation)
{
    const struct report_head head = {.worker = "w", .host = "h", .pid = 7, .started_ms = 5};
    struct ct_error err;
    struct ct_buf out;
    json_t *report;

    ct_buf_init(&out);
    report_print(&head, generation, 1000, 51000, &out);
    ck_assert_uint_le(out.len, REPORT_MAX);
    ck_assert_msg(ct_json_object(ct_buf_str(&out), &report, &err) == CT_E_OK, "%s", err.detail);
    ct_buf_free(&out);
    return report;
}

static const json_t *first_pool(const json_t *report)
{
    return json_array_get(json_object_get(report, "pools"), 0);
}

static void expect_text(const json_t *object, const char *key, const char *text)
{
    ck_assert_str_eq(json_string_value(json_object_get(object, key)), text);
}

START_TEST(test_a_report_before_anything_was_ready)
{
    struct slot slot = {.is_wanted = true, .since_ms = 400, .failures = 2};
    struct slot *slots[] = {&slot};
    struct pool_run pool = {.config = &config, .slots = slots, .slot_count = 1, .wanted = 1};
    struct generation generation = {.config = {.pools = &config, .pool_count = 1}, .pools = &pool};
    json_t *report;
    const json_t *runner;

    report = report_of(&generation);
    expect_text(report, "state", "running");
    expect_text(first_pool(report), "plugin", "/plugins/mail.so");
    ck_assert(json_is_null(json_object_get(first_pool(report), "pluginVersion")));
    ck_assert(json_is_null(json_object_get(first_pool(report), "lastDeath")));
    expect_text(first_pool(report), "prefix", "app");
    runner = json_array_get(json_object_get(first_pool(report), "runners"), 0);
    expect_text(runner, "state", "down");
    ck_assert_int_eq(json_integer_value(json_object_get(runner, "since")), 50400);
    ck_assert_int_eq(json_integer_value(json_object_get(runner, "failures")), 2);
    json_decref(report);
}
END_TEST

START_TEST(test_the_last_death_of_all_slots_counts)
{
    struct slot first = {.is_wanted = true, .deaths = 3, .died_ms = 20, .death = "a \"\x80\" b"};
    struct slot second = {.deaths = 1, .died_ms = 10, .death = "earlier"};
    struct slot *slots[] = {&first, &second};
    struct pool_run pool = {
        .config = &config, .slots = slots, .slot_count = 2, .plugin = "mail sender 1.0"};
    struct generation generation = {.config = {.pools = &config, .pool_count = 1}, .pools = &pool};
    json_t *report = report_of(&generation);
    const json_t *death = json_object_get(first_pool(report), "lastDeath");

    ck_assert_int_eq(json_integer_value(json_object_get(first_pool(report), "restarts")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(death, "at")), 20);
    expect_text(death, "reason", "a \"\xef\xbf\xbd\" b");
    expect_text(first_pool(report), "plugin", "mail sender");
    expect_text(first_pool(report), "pluginVersion", "1.0");
    /* A slot that is down and not wanted is no runner. */
    ck_assert_uint_eq(json_array_size(json_object_get(first_pool(report), "runners")), 1);
    json_decref(report);
}
END_TEST

/* As many pools as there can be, with this many runners and queues each. */
static json_t *report_of_many(size_t runner_count, size_t queue_count)
{
    static struct slot slot = {.is_wanted = true};
    static struct pool_config configs[CONFIG_POOLS_MAX];
    static struct pool_run pools[CONFIG_POOLS_MAX];
    static char *names[CONFIG_POOLS_MAX];
    static char name[NAME_LEN + 1];
    struct slot **slots = ct_zalloc(runner_count * sizeof(struct slot *));
    struct generation generation = {.config = {.pools = configs, .pool_count = CONFIG_POOLS_MAX},
                                    .pools = pools};
    json_t *report;

    memset(name, 'n', NAME_LEN);
    for (size_t i = 0; i < runner_count; i++)
        slots[i] = &slot;
    for (size_t i = 0; i < CONFIG_POOLS_MAX; i++) {
        names[i] = name;
        configs[i] = config;
        configs[i].name = name;
        configs[i].queues = names;
        configs[i].queue_count = queue_count;
        pools[i] =
            (struct pool_run){.config = &configs[i], .slots = slots, .slot_count = runner_count};
    }
    report = report_of(&generation);
    free(slots);
    return report;
}

START_TEST(test_a_report_is_bounded)
{
    json_t *report = report_of_many(1, 1);

    ck_assert_ptr_null(json_object_get(report, "leftOut"));
    ck_assert_uint_eq(json_array_size(json_object_get(first_pool(report), "runners")), 1);
    json_decref(report);
    report = report_of_many(POOL_PROCESSES_MAX, 1);
    expect_text(report, "leftOut", "runners");
    ck_assert_uint_eq(json_array_size(json_object_get(first_pool(report), "runners")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(first_pool(report), "queues")), 1);
    json_decref(report);
    report = report_of_many(1, CONFIG_POOLS_MAX);
    expect_text(report, "leftOut", "runners and queues");
    ck_assert_uint_eq(json_array_size(json_object_get(report, "pools")), CONFIG_POOLS_MAX);
    json_decref(report);
}
END_TEST

START_TEST(test_orders_that_are_refused)
{
    static const struct {
        const char *verb, *pool, *detail;
        enum ct_code code;
    } cases[] = {
        {"pause", "mialing", "did you mean mailing?", CT_E_NOT_FOUND},
        {"pause", "other", "it has mailing", CT_E_NOT_FOUND},
        {"dance", "mailing", "no order 'dance'", CT_E_INVALID},
        {"scale", "mailing", "a count of runners", CT_E_INVALID},
    };
    struct pool_run pool = {.config = &config};
    struct generation generation = {.config = {.pools = &config, .pool_count = 1}, .pools = &pool};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proto_order order = {
            .verb = ct_str_of(cases[i].verb), .has_pool = true, .pool = ct_str_of(cases[i].pool)};
        struct ct_error detail;

        ck_assert_int_eq(orders_obey(&generation, &order, &detail), cases[i].code);
        ck_assert_msg(strstr(detail.detail, cases[i].detail) != NULL, "%s", detail.detail);
    }
}
END_TEST

static void nothing_changes(void *ctx)
{
}

START_TEST(test_scale_moves_bounds)
{
    static const struct {
        uint32_t min, max, count, min_after, max_after;
        const char *detail;
    } cases[] = {
        {2, 4, 3, 2, 4, ""},
        {2, 4, 1, 1, 4, "its minimum was 2, and is 1 until the next reload"},
        {2, 4, 9, 2, 9, "its maximum was 4, and is 9 until the next reload"},
        {2, 2, 5, 5, 5, "its maximum was 2, and is 5 until the next reload"}, /* stays fixed */
        {2, 2, 0, 0, 0, "its minimum was 2, and is 0 until the next reload"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct slot_context context = {.on_change = nothing_changes};
        struct pool_run pool = {.config = &config,
                                .context = &context,
                                .min = cases[i].min,
                                .max = cases[i].max,
                                .wanted = 2};
        struct generation generation = {.config = {.pools = &config, .pool_count = 1},
                                        .pools = &pool};
        struct proto_order order = {.verb = CT_STR_LIT("scale"),
                                    .has_pool = true,
                                    .pool = CT_STR_LIT("mailing"),
                                    .has_count = true,
                                    .count = cases[i].count};
        struct ct_error detail;

        ck_assert_int_eq(orders_obey(&generation, &order, &detail), CT_E_OK);
        ck_assert_uint_eq(pool.wanted, cases[i].count);
        ck_assert_uint_eq(pool.min, cases[i].min_after);
        ck_assert_uint_eq(pool.max, cases[i].max_after);
        ck_assert_str_eq(detail.detail, cases[i].detail);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_report_before_anything_was_ready);
    tcase_add_test(tcase, test_the_last_death_of_all_slots_counts);
    tcase_add_test(tcase, test_a_report_is_bounded);
    tcase_add_test(tcase, test_orders_that_are_refused);
    tcase_add_test(tcase, test_scale_moves_bounds);
}

int main(void)
{
    return unit_run("fleet", add_tests);
}
