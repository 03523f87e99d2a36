/* Numbers of leases: never used twice, found at once, bounded. */
#include "server/lease_table.h"
#include "tests/lib/unit.h"

static struct lease *lease_at(uintptr_t n)
{
    return (struct lease *)(n * 16);
}

START_TEST(test_numbers_are_never_reused)
{
    struct lease_table table;
    uint64_t last = 0;

    lease_table_init(&table);
    for (uintptr_t i = 1; i < 1000; i++) {
        uint64_t number = lease_table_add(&table, lease_at(i));
        ck_assert_uint_gt(number, last);
        ck_assert_ptr_eq(lease_table_find(&table, number), lease_at(i));
        lease_table_remove(&table, number);
        ck_assert_ptr_null(lease_table_find(&table, number));
        ck_assert_ptr_null(lease_table_find(&table, last));
        last = number;
    }
    ck_assert_uint_eq(table.count, 0);
    ck_assert_uint_le(table.cap, 16);
    lease_table_fini(&table);
}
END_TEST

START_TEST(test_unknown_numbers)
{
    struct lease_table table;

    lease_table_init(&table);
    ck_assert_ptr_null(lease_table_find(&table, 0));
    ck_assert_ptr_null(lease_table_find(&table, UINT64_MAX));
    uint64_t number = lease_table_add(&table, lease_at(1));
    ck_assert_ptr_null(lease_table_find(&table, 0));
    ck_assert_ptr_null(lease_table_find(&table, number + 1));
    ck_assert_ptr_null(lease_table_find(&table, number + LEASE_TABLE_MAX));
    ck_assert_ptr_null(lease_table_find(&table, UINT64_MAX));
    lease_table_fini(&table);
}
END_TEST

START_TEST(test_full_and_walked)
{
    struct lease_table table;
    uint32_t at = 0, walked = 0;
    uint64_t number = 0;

    lease_table_init(&table);
    for (uintptr_t i = 1; i <= LEASE_TABLE_MAX; i++)
        number = lease_table_add(&table, lease_at(i));
    ck_assert_uint_ne(number, 0);
    ck_assert_uint_eq(lease_table_add(&table, lease_at(1)), 0);
    lease_table_remove(&table, number);
    while (lease_table_next(&table, &at))
        walked++;
    ck_assert_uint_eq(walked, LEASE_TABLE_MAX - 1);
    ck_assert_uint_ne(lease_table_add(&table, lease_at(1)), 0);
    lease_table_fini(&table);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_numbers_are_never_reused);
    tcase_add_test(tcase, test_unknown_numbers);
    tcase_add_test(tcase, test_full_and_walked);
}

int main(void)
{
    return unit_run("lease_table", add_tests);
}
