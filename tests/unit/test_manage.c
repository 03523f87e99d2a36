/* server/dialect/shared/manage: replies of the scripts that change queues by hand, also such as
 * they never send. */
#include <check.h>
#include <string.h>

#include "dialect/shared/manage.h"
#include "tests/lib/unit.h"

#define IDS 7

static struct manage_job jobs[IDS];
static struct ct_list list;
static struct manage_call call;
static struct ct_error err;

static void set_up(void)
{
    ct_list_init(&list);
    for (int i = 0; i < IDS; i++) {
        jobs[i] = (struct manage_job){.id = CT_STR_LIT("1"), .result = MANAGE_LATER};
        ct_list_init(&jobs[i].link);
        ct_list_push_back(&list, &jobs[i].link);
    }
    call = (struct manage_call){.queue = {"bull", "q"}, .target = "other", .jobs = &list};
    err = (struct ct_error){.code = CT_E_OK};
}

static enum ct_code parse(const char *resp)
{
    struct redis_reply *reply = redis_reply_parse(resp, strlen(resp));
    enum ct_code rc = manage_parse_jobs(&call, reply, &err);

    redis_reply_free(reply);
    return rc;
}

START_TEST(test_each_job_has_its_result)
{
    ck_assert_int_eq(parse("*8\r\n:10000\r\n:1\r\n$2\r\n17\r\n:0\r\n:-1\r\n:-2\r\n:-5\r\n"
                           "*1\r\n$27\r\nWRONGTYPE bull:q:1 is a set\r\n"),
                     CT_E_OK);
    ck_assert_int_eq(call.search, 10000);
    ck_assert_int_eq(jobs[0].result, MANAGE_DONE);
    ck_assert_ptr_null(jobs[0].new_id);
    ck_assert_int_eq(jobs[1].result, MANAGE_DONE);
    ck_assert_str_eq(jobs[1].new_id, "17");
    ck_assert_int_eq(jobs[2].result, MANAGE_GONE);
    ck_assert_int_eq(jobs[3].result, MANAGE_WRONG_STATE);
    ck_assert_int_eq(jobs[4].result, MANAGE_HELD);
    ck_assert_int_eq(jobs[5].result, MANAGE_REFUSED);
    ck_assert_str_eq(jobs[5].err.detail, "queue \"other\" has a job with this id already");
    ck_assert_int_eq(jobs[6].result, MANAGE_REFUSED);
    ck_assert_int_eq(jobs[6].err.code, CT_E_REDIS_TYPE);
    for (int i = 0; i < IDS; i++)
        manage_job_fini(&jobs[i]);
}
END_TEST

static const char *const odd[] = {
    ":1\r\n",
    "$-1\r\n",
    "*0\r\n",
    "*1\r\n:-1\r\n",
    "*8\r\n:-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:2\r\n",
    "*8\r\n:-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:-8\r\n",
    "*8\r\n:-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*0\r\n",
    "*8\r\n:-1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n$-1\r\n",
};

START_TEST(test_odd_replies_are_errors)
{
    ck_assert_int_eq(parse(odd[_i]), CT_E_INTERNAL);
    ck_assert_str_eq(err.detail, "manage_jobs.lua answered what it should not");
    for (int i = 0; i < IDS; i++)
        manage_job_fini(&jobs[i]);
}
END_TEST

START_TEST(test_refusals_of_redis_are_passed_on)
{
    ck_assert_int_eq(parse("-READONLY You can't write against a read only replica.\r\n"),
                     CT_E_REDIS_READONLY);
}
END_TEST

START_TEST(test_erase)
{
    static const struct {
        const char *resp;
        enum ct_code rc;
        enum manage_erased out;
        int64_t removed;
    } cases[] = {
        {"*2\r\n:0\r\n:7\r\n", CT_E_OK, MANAGE_ERASED, 7},
        {"*2\r\n:1\r\n:300\r\n", CT_E_OK, MANAGE_ERASE_MORE, 300},
        {"*2\r\n:-1\r\n:0\r\n", CT_E_OK, MANAGE_ERASE_RUNNING, 0},
        {"*2\r\n:-2\r\n:0\r\n", CT_E_OK, MANAGE_ERASE_ACTIVE, 0},
        {"*2\r\n:-3\r\n:0\r\n", CT_E_OK, MANAGE_ERASE_JOBS, 0},
        {"*2\r\n:-4\r\n:0\r\n", CT_E_OK, MANAGE_ERASE_SERIES, 0},
        {"*2\r\n:2\r\n:0\r\n", CT_E_INTERNAL, MANAGE_ERASED, 0},
        {"*2\r\n:-5\r\n:0\r\n", CT_E_INTERNAL, MANAGE_ERASED, 0},
        {":0\r\n", CT_E_INTERNAL, MANAGE_ERASED, 0},
        {"-NOPERM no\r\n", CT_E_REDIS_PERM, MANAGE_ERASED, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redis_reply *reply = redis_reply_parse(cases[i].resp, strlen(cases[i].resp));
        enum manage_erased out = MANAGE_ERASED;
        int64_t removed = 0;

        ck_assert_int_eq(manage_parse_erase(reply, &out, &removed, &err), cases[i].rc);
        ck_assert_int_eq(out, cases[i].out);
        ck_assert_int_eq(removed, cases[i].removed);
        redis_reply_free(reply);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, test_each_job_has_its_result);
    tcase_add_loop_test(tcase, test_odd_replies_are_errors, 0, sizeof odd / sizeof odd[0]);
    tcase_add_test(tcase, test_refusals_of_redis_are_passed_on);
    tcase_add_test(tcase, test_erase);
}

int main(void)
{
    return unit_run("manage", add_tests);
}
