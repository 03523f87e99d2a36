/* server/queue/job: one block, NUL-terminated copies, absent texts stay absent. */
#include <check.h>

#include "common/mem.h"
#include "queue/job.h"
#include "tests/lib/unit.h"

START_TEST(test_copies)
{
    char id[] = "7", data[] = "a\0b";
    struct job *job = job_new(&(struct job_texts){.id = ct_str_of(id),
                                                  .data = {data, 3},
                                                  .name = CT_STR_LIT(""),
                                                  .token = CT_STR_LIT("t:1")});

    id[0] = data[0] = 'x';
    ck_assert_str_eq(job->id.data, "7");
    ck_assert(ct_str_equal(job->data, (struct ct_str){"a\0b", 3}));
    ck_assert_int_eq(job->data.data[3], '\0');
    ck_assert_ptr_nonnull(job->name.data); /* empty is not absent */
    ck_assert_uint_eq(job->name.len, 0);
    ck_assert_ptr_null(job->opts.data);
    ck_assert_ptr_null(job->stacktrace.data);
    ck_assert_int_eq(job->on_complete.count, -1);
    ck_assert_int_eq(job->on_fail.age_s, -1);
    job->broken = ct_strdup("why");
    job_free(job);
}
END_TEST

START_TEST(test_free_leaves_its_list)
{
    struct ct_list list;
    struct job *job = job_new(&(struct job_texts){.id = CT_STR_LIT("1")});

    ct_list_init(&list);
    ct_list_push_back(&list, &job->link);
    job_free(job);
    ck_assert(ct_list_is_empty(&list));
    job_free(NULL);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_copies);
    tcase_add_test(tcase, test_free_leaves_its_list);
}

int main(void)
{
    return unit_run("job", add_tests);
}
