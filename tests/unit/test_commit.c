/* server/queue/commit: who owns what (the sanitizers see what is left over). */
#include <check.h>
#include <stdlib.h>

#include "common/mem.h"
#include "queue/commit.h"
#include "tests/lib/unit.h"

static int plans_freed;

static void free_plan(void *plan)
{
    plans_freed++;
    free(plan);
}

START_TEST(test_effect_copies)
{
    char value[] = "v";
    struct effect *effect = effect_new(EFFECT_LOG, ct_str_of(value), CT_STR_LIT("extra"));

    value[0] = 'x';
    ck_assert_int_eq(effect->kind, EFFECT_LOG);
    ck_assert_str_eq(effect->value.data, "v");
    ck_assert_str_eq(effect->extra.data, "extra");
    effect_free(effect, NULL);

    effect = effect_new(EFFECT_COMPLETE, CT_STR_NONE, CT_STR_NONE);
    ck_assert_ptr_null(effect->value.data);
    ck_assert_ptr_null(effect->extra.data);
    effect_free(effect, NULL);

    effect = effect_new(EFFECT_FAIL, CT_STR_NONE, CT_STR_LIT(""));
    ck_assert_ptr_null(effect->value.data);
    ck_assert_str_eq(effect->extra.data, "");
    effect_free(effect, NULL);
    effect_free(NULL, NULL);
}
END_TEST

START_TEST(test_fini_frees_all)
{
    struct commit commit;
    struct effect *schedule = effect_new(EFFECT_SCHEDULE, CT_STR_NONE, CT_STR_NONE);
    struct effect *take = effect_new(EFFECT_TAKE, CT_STR_LIT("1"), CT_STR_NONE);
    struct job *job = job_new(&(struct job_texts){.id = CT_STR_LIT("2")});

    commit_init(&commit);
    ck_assert_int_eq(commit.next_due_ms, COMMIT_NEVER);
    schedule->plan = ct_alloc(1);
    take->leased = job_new(&(struct job_texts){.id = CT_STR_LIT("1")});
    ct_list_push_back(&commit.effects, &schedule->link);
    ct_list_push_back(&commit.effects, &take->link);
    ct_list_push_back(&commit.jobs, &job->link);
    plans_freed = 0;
    commit_fini(&commit, free_plan);
    ck_assert_int_eq(plans_freed, 1);
    ck_assert(ct_list_is_empty(&commit.effects));
    ck_assert(ct_list_is_empty(&commit.jobs));
    commit_fini(&commit, free_plan);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_effect_copies);
    tcase_add_test(tcase, test_fini_frees_all);
}

int main(void)
{
    return unit_run("commit", add_tests);
}
