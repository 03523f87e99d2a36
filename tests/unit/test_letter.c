/* server/dialect/shared/letter: what is a dead letter and what is none, and how its job is written
 * for its next life. */
#include <check.h>
#include <string.h>

#include "dialect/bull/keys.h"
#include "dialect/bull/bull.h"
#include "dialect/shared/letter.h"
#include "tests/lib/unit.h"

#define NOW 1700000000000

static struct dead_letter letter;

static bool read_letter(const char *text)
{
    return letter_read(ct_str_of(text), &letter);
}

START_TEST(test_reads)
{
    ck_assert(read_letter(
        " {\"queue\":\"mail\",\"id\":\"a\\u00e9\",\"name\":\"send\",\"data\":{\"n\":1.50},"
        "\"opts\":{\"attempts\":3},\"failedReason\":\"a\\u0000b\",\"stacktrace\":[\"x\"],"
        "\"attemptsMade\":3,\"timestamp\":1,\"processedOn\":null,\"finishedOn\":3,\"more\":1}"));
    ck_assert_str_eq(letter.queue, "mail");
    ck_assert_str_eq(letter.id, "a\xC3\xA9");
    ck_assert(ct_str_equal(letter.reason, CT_STR_LIT("a\0b")));
    ck_assert(ct_str_is(letter.data, "{\"n\":1.50}"));
    ck_assert(ct_str_is(letter.stacktrace, "[\"x\"]"));
    ck_assert_int_eq(letter.attempts_made, 3);
    ck_assert_int_eq(letter.processed_ms, 0);
    ck_assert_int_eq(letter.finished_ms, 3);
    dead_letter_fini(&letter);
}
END_TEST

START_TEST(test_reads_what_is_unusual)
{
    /* No data or opts; half a surrogate pair stays as it is written; bytes that are not UTF-8. */
    ck_assert(read_letter("{\"queue\":\"q\",\"id\":\"1\",\"name\":\"\\u0041\xFF\","
                          "\"failedReason\":\"\\ud800\"}"));
    ck_assert(ct_str_is(letter.data, "{}"));
    ck_assert(ct_str_is(letter.reason, "\\ud800"));
    ck_assert_str_eq(letter.name, "A\xEF\xBF\xBD");
    dead_letter_fini(&letter);

    ck_assert(read_letter("{\"queue\":\"q\",\"id\":\"1\",\"name\":\"n\",\"failedReason\":\"\","
                          "\"data\":\"{\\\"a\",\"opts\":\"x\",\"unparsed\":[\"data\"]}"));
    ck_assert(ct_str_is(letter.data, "{\"a"));
    ck_assert(ct_str_is(letter.opts, "\"x\""));
    dead_letter_fini(&letter);
}
END_TEST

static const char *const no_letters[] = {
    "",
    " ",
    "[]",
    "1",
    "{\"queue\":\"q\"",
    "{}",
    "{\"id\":\"1\",\"name\":\"n\",\"failedReason\":\"\"}",
    "{\"queue\":\"\",\"id\":\"1\",\"name\":\"n\",\"failedReason\":\"\"}",
    "{\"queue\":\"q\",\"id\":1,\"name\":\"n\",\"failedReason\":\"\"}",
    "{\"queue\":\"q\",\"id\":\"1\",\"name\":\"n\\u0000\",\"failedReason\":\"\"}",
    "{\"queue\":\"q\",\"id\":\"1\",\"name\":\"n\",\"failedReason\":null}",
};

START_TEST(test_refuses)
{
    ck_assert(!read_letter(no_letters[_i]));
}
END_TEST

START_TEST(test_nothing_is_no_letter)
{
    ck_assert(!letter_read(CT_STR_NONE, &letter));
}
END_TEST

static uint32_t build(const char *target, struct dead_move *move, struct ct_buf *text)
{
    struct redis_command command;
    struct ct_list moves;
    struct dead_call call = {.dead = {"bull", "dead"}, .target = target, .moves = &moves};

    *move = (struct dead_move){.id = CT_STR_LIT("5"), .letter = &letter};
    ct_list_init(&moves);
    ct_list_init(&move->link);
    ct_list_push_back(&moves, &move->link);
    redis_command_init(&command, NULL);
    letter_build_move(&bull_dialect, &call, NOW, &ct_random_system, &command);
    uint32_t argc = command.argc;
    ct_buf_append_str(text, ct_buf_str(&command.body));
    ct_buf_append_char(text, '\0');
    redis_command_fini(&command);
    return argc;
}

START_TEST(test_next_life)
{
    const uint32_t head = 1 + BULL_KEY_COUNT + 3 + 4;
    struct dead_move move;
    struct ct_buf text;

    ct_buf_init(&text);
    ck_assert(read_letter("{\"queue\":\"q\",\"id\":\"1\",\"name\":\"n\",\"failedReason\":\"no\","
                          "\"data\":{\"n\":1.50},\"opts\":{\"x\":1,\"jobId\":\"own\",\"delay\":9,"
                          "\"timestamp\":1,\"debounce\":{\"id\":\"d\"}}}"));
    ck_assert_uint_eq(build("q", &move, &text), head + 2 + 2 * (1 + 14));
    ck_assert(strstr(ct_buf_data(&text), "\r\nbull:q:wait\r\n"));
    ck_assert(strstr(ct_buf_data(&text),
                     "{\"x\":1,\"jobId\":\"own\",\"redrivenFrom\":{\"queue\":\"q\",\"id\":\"1\","
                     "\"dlq\":\"dead\",\"dlqId\":\"5\",\"failedReason\":\"no\",\"count\":1},"
                     "\"attempts\":1,\"delay\":0,\"timestamp\":1700000000000}"));
    ck_assert(strstr(ct_buf_data(&text), "{\"x\":1,\"redrivenFrom\""));
    ct_buf_clear(&text);
    ck_assert_uint_eq(build(NULL, &move, &text),
                      head + 1); /* removing asks nothing of the letter */
    ct_buf_clear(&text);
    ck_assert_uint_eq(build("dead", &move, &text), 0);
    ck_assert_int_eq(move.result, DEAD_REFUSED);
    ck_assert(strstr(move.err.detail, "itself"));
    ct_buf_free(&text);
    dead_letter_fini(&letter);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_reads);
    tcase_add_test(tcase, test_reads_what_is_unusual);
    tcase_add_loop_test(tcase, test_refuses, 0, sizeof no_letters / sizeof no_letters[0]);
    tcase_add_test(tcase, test_nothing_is_no_letter);
    tcase_add_test(tcase, test_next_life);
}

int main(void)
{
    return unit_run("letter", add_tests);
}
