/* Figures in Prometheus' text format. */
#include <math.h>
#include <string.h>

#include "common/metric.h"
#include "tests/lib/unit.h"

static void check_page(struct ct_buf *page, const char *wanted)
{
    ct_buf_append_char(page, '\0');
    ck_assert_str_eq(ct_buf_data(page), wanted);
    ct_buf_free(page);
    ct_buf_init(page);
}

START_TEST(test_samples)
{
    const struct metric_label labels[] = {{"queue", CT_STR_LIT("a\"b\\c\nd")},
                                          {"state", CT_STR_LIT("waiting")}};
    struct ct_buf page;

    ct_buf_init(&page);
    metric_family(&page, "jobs", METRIC_GAUGE, "Jobs there are.");
    metric_count(&page, "jobs", labels, 2, UINT64_MAX);
    metric_sample(&page, "age", NULL, 0, 0.25);
    metric_sample(&page, "age", labels + 1, 1, NAN);
    metric_sample(&page, "age", NULL, 0, -INFINITY);
    check_page(&page, "# HELP jobs Jobs there are.\n# TYPE jobs gauge\n"
                      "jobs{queue=\"a\\\"b\\\\c\\nd\",state=\"waiting\"} 18446744073709551615\n"
                      "age 0.25\nage{state=\"waiting\"} NaN\nage -Inf\n");
}
END_TEST

START_TEST(test_foreign_bytes_and_long_values)
{
    static char text[METRIC_LABEL_BYTES_MAX + 2];
    struct metric_label label = {"q", CT_STR_LIT("a\xff\xc3\xa9")};
    struct ct_buf page;

    ct_buf_init(&page);
    metric_count(&page, "m", &label, 1, 1);
    check_page(&page, "m{q=\"a\xef\xbf\xbd\xc3\xa9\"} 1\n");
    memset(text, 'x', sizeof text);
    memcpy(text + METRIC_LABEL_BYTES_MAX - 1, "\xc3\xa9", 2); /* it would be cut in the middle */
    label.value = (struct ct_str){text, sizeof text};
    metric_count(&page, "m", &label, 1, 1);
    ck_assert_uint_eq(page.len, strlen("m{q=\"\"} 1\n") + METRIC_LABEL_BYTES_MAX - 1);
    ct_buf_free(&page);
}
END_TEST

START_TEST(test_histogram)
{
    static const double items[] = {0.1, 1};
    const struct metric_bounds bounds = {items, 2};
    const struct metric_label label = {"q", CT_STR_LIT("x")};
    struct metric_histogram histogram = {0};
    struct ct_buf page;

    metric_observe(&histogram, &bounds, 0.1); /* a bound belongs to its bucket */
    metric_observe(&histogram, &bounds, 0.5);
    metric_observe(&histogram, &bounds, 2);
    metric_observe(&histogram, &bounds, 2);
    ct_buf_init(&page);
    metric_histogram(&page, "t", &label, 1, &bounds, &histogram);
    check_page(&page, "t_bucket{q=\"x\",le=\"0.1\"} 1\nt_bucket{q=\"x\",le=\"1\"} 2\n"
                      "t_bucket{q=\"x\",le=\"+Inf\"} 4\nt_sum{q=\"x\"} 4.6\nt_count{q=\"x\"} 4\n");
    metric_histogram(&page, "t", NULL, 0, &bounds, &(struct metric_histogram){0});
    check_page(&page, "t_bucket{le=\"0.1\"} 0\nt_bucket{le=\"1\"} 0\nt_bucket{le=\"+Inf\"} 0\n"
                      "t_sum 0\nt_count 0\n");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_samples);
    tcase_add_test(tcase, test_foreign_bytes_and_long_values);
    tcase_add_test(tcase, test_histogram);
}

int main(void)
{
    return unit_run("metric", add_tests);
}
