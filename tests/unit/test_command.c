/* Requests as they go to Redis, byte by byte. */
#include <stdint.h>

#include "redis/command.h"
#include "tests/lib/unit.h"

START_TEST(test_arguments)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, "SET");
    redis_command_str(&command, (struct ct_str){"a\0\r\nb", 5});
    redis_command_str(&command, CT_STR_NONE);
    redis_command_int(&command, 0);
    redis_command_int(&command, INT64_MIN);
    redis_command_double(&command, 1.5);
    redis_command_double(&command, 0.1);
    ck_assert_uint_eq(command.argc, 7);
    static const char wanted[] = "$3\r\nSET\r\n"
                                 "$5\r\na\0\r\nb\r\n"
                                 "$0\r\n\r\n"
                                 "$1\r\n0\r\n"
                                 "$20\r\n-9223372036854775808\r\n"
                                 "$3\r\n1.5\r\n"
                                 "$19\r\n0.10000000000000001\r\n";
    ck_assert_uint_eq(command.body.len, sizeof wanted - 1);
    ck_assert_mem_eq(ct_buf_data(&command.body), wanted, sizeof wanted - 1);
    redis_command_fini(&command);
}
END_TEST

/* A number that is known only after the arguments that follow it. */
START_TEST(test_hole)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, "x");
    size_t mark = redis_command_hole(&command);
    for (int i = 0; i < 1000; i++) /* the bytes move meanwhile */
        redis_command_int(&command, i);
    redis_command_patch(&command, mark, 120);
    ck_assert_mem_eq(ct_buf_data(&command.body), "$1\r\nx\r\n$9\r\n000000120\r\n$1\r\n0\r\n", 28);
    redis_command_patch(&command, mark, 999999999);
    ck_assert_mem_eq(ct_buf_data(&command.body), "$1\r\nx\r\n$9\r\n999999999\r\n$1\r\n0\r\n", 28);
    redis_command_fini(&command);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_arguments);
    tcase_add_test(tcase, test_hole);
}

int main(void)
{
    return unit_run("command", add_tests);
}
