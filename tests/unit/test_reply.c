/* Replies of Redis: every shape, every cut of a stream, every error text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "redis/reply_reader.h"
#include "tests/lib/unit.h"

static struct redis_reply *parse(const char *resp)
{
    return redis_reply_parse(resp, strlen(resp));
}

START_TEST(test_shapes)
{
    struct redis_reply *reply =
        parse("*6\r\n$3\r\nabc\r\n:-7\r\n$-1\r\n+OK\r\n*2\r\n$2\r\n42\r\n*-1\r\n"
              "$0\r\n\r\n");

    ck_assert(redis_reply_is_array(reply));
    ck_assert_uint_eq(redis_reply_count(reply), 6);
    ck_assert(ct_str_is(redis_reply_str(redis_reply_at(reply, 0)), "abc"));
    ck_assert_int_eq(redis_reply_int(redis_reply_at(reply, 1), 0), -7);
    ck_assert(redis_reply_is_nil(redis_reply_at(reply, 2)));
    ck_assert(ct_str_is(redis_reply_str(redis_reply_at(reply, 3)), "OK"));
    const struct redis_reply *inner = redis_reply_at(reply, 4);
    ck_assert_uint_eq(redis_reply_count(inner), 2);
    ck_assert_int_eq(redis_reply_int(redis_reply_at(inner, 0), 0), 42);
    ck_assert(redis_reply_is_nil(redis_reply_at(inner, 1)));
    ck_assert(ct_str_is(redis_reply_str(redis_reply_at(reply, 5)), ""));
    redis_reply_free(reply);
}
END_TEST

/* What is not there, or is something else, reads as absent. */
START_TEST(test_absent)
{
    struct redis_reply *reply = parse("$3\r\nabc\r\n");

    ck_assert_uint_eq(redis_reply_count(reply), 0);
    ck_assert_ptr_null(redis_reply_at(reply, 0));
    ck_assert_int_eq(redis_reply_int(reply, 9), 9);
    ck_assert(!redis_reply_is_nil(reply));
    ck_assert(redis_reply_is_nil(NULL));
    ck_assert_ptr_null(redis_reply_str(NULL).data);
    ck_assert_ptr_null(redis_reply_at(NULL, 0));
    ck_assert_int_eq(redis_reply_check(NULL, NULL), CT_E_OK);
    redis_reply_free(reply);
    ck_assert_ptr_null(parse("*1\r\n:1")); /* not whole */
    ck_assert_ptr_null(parse("hello"));
    redis_reply_free(NULL);
}
END_TEST

/* Many replies, large and small, arriving in pieces of every size up to a few thousand bytes. */
START_TEST(test_pieces)
{
    enum { REPLIES = 40, TEXT = 3000 };
    struct reply_reader *reader = reply_reader_new();
    struct ct_buf stream;
    const struct redis_reply *reply;
    struct ct_error err;
    char text[TEXT];
    int seen = 0;

    memset(text, 'x', sizeof text);
    ct_buf_init(&stream);
    for (int i = 0; i < REPLIES; i++) {
        ct_buf_printf(&stream, "*3\r\n:%d\r\n*1\r\n$%d\r\n", i, TEXT);
        ct_buf_append(&stream, text, TEXT);
        ct_buf_printf(&stream, "\r\n+done\r\n");
    }
    for (size_t at = 0, piece = 1; at < stream.len; at += piece, piece = piece % 4001 + 7) {
        if (piece > stream.len - at)
            piece = stream.len - at;
        ck_assert_int_eq(reply_reader_feed(reader, stream.data + at, piece, &err), CT_E_OK);
        for (;;) {
            ck_assert_int_eq(reply_reader_next(reader, &reply, &err), CT_E_OK);
            if (!reply)
                break;
            ck_assert_int_eq(redis_reply_int(redis_reply_at(reply, 0), -1), seen);
            struct ct_str got = redis_reply_str(redis_reply_at(redis_reply_at(reply, 1), 0));
            ck_assert_uint_eq(got.len, TEXT);
            ck_assert_mem_eq(got.data, text, TEXT);
            ck_assert(ct_str_is(redis_reply_str(redis_reply_at(reply, 2)), "done"));
            seen++;
        }
    }
    ck_assert_int_eq(seen, REPLIES);
    ct_buf_free(&stream);
    reply_reader_free(reader);
}
END_TEST

/* A reply that is taken outlives its reader, and the reader goes on. */
START_TEST(test_take)
{
    static const char stream[] = "*2\r\n$1\r\na\r\n$1\r\nb\r\n:5\r\n";
    struct reply_reader *reader = reply_reader_new();
    const struct redis_reply *reply;

    ck_assert_int_eq(reply_reader_feed(reader, stream, sizeof stream - 1, NULL), CT_E_OK);
    ck_assert_int_eq(reply_reader_next(reader, &reply, NULL), CT_E_OK);
    struct redis_reply *taken = reply_reader_take(reader);
    ck_assert_ptr_null(reply_reader_take(reader));
    ck_assert_int_eq(reply_reader_next(reader, &reply, NULL), CT_E_OK);
    ck_assert_int_eq(redis_reply_int(reply, 0), 5);
    reply_reader_free(reader);
    ck_assert(ct_str_is(redis_reply_str(redis_reply_at(taken, 1)), "b"));
    redis_reply_free(taken);
}
END_TEST

START_TEST(test_too_many_elements)
{
    struct reply_reader *reader = reply_reader_new();
    const struct redis_reply *reply;
    struct ct_error err;

    ck_assert_int_eq(reply_reader_feed(reader, "*2147483647\r\n", 13, &err), CT_E_OK);
    ck_assert_int_eq(reply_reader_next(reader, &reply, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "REDIS_REPLY_ELEMENTS_MAX"));
    reply_reader_free(reader);
}
END_TEST

static const struct {
    const char *text;
    enum ct_code code;
    const char *says;
} errors[] = {
    {"NOAUTH Authentication required.", CT_E_REDIS_AUTH, "redis://:PASSWORD@HOST"},
    {"WRONGPASS invalid username-password pair or user is disabled.", CT_E_REDIS_AUTH, "check"},
    {"ERR invalid password", CT_E_REDIS_AUTH, "check"},
    {"ERR AUTH <password> called without any password configured for the default user.",
     CT_E_REDIS_AUTH, "remove it"},
    {"NOPERM this user has no permissions to run the 'evalsha' command", CT_E_REDIS_PERM,
     "ACL SETUSER"},
    {"LOADING Redis is loading the dataset in memory", CT_E_REDIS_LOADING, "waiting"},
    {"MASTERDOWN Link with MASTER is down", CT_E_REDIS_LOADING, "master"},
    {"BUSY Redis is busy running a script.", CT_E_REDIS_LOADING, "script"},
    {"READONLY You can't write against a read only replica.", CT_E_REDIS_READONLY, "replica"},
    {"MISCONF Redis is configured to save RDB snapshots", CT_E_REDIS_READONLY, "disk"},
    {"OOM command not allowed when used memory > 'maxmemory'.", CT_E_REDIS_OOM, "maxmemory"},
    {"WRONGTYPE Operation against a key", CT_E_REDIS_TYPE, "type"},
    {"NOSCRIPT No matching script.", CT_E_REDIS_SCRIPT, "script"},
    {"CROSSSLOT Keys in request don't hash to the same slot", CT_E_REDIS_ERROR, "{bull}"},
    {"ERR max number of clients reached", CT_E_REDIS_DOWN, "maxclients"},
    {"ERR Error running script (call to f_1234): @user_script:12: WRONGTYPE Operation against",
     CT_E_REDIS_TYPE, "type"},
    {"ERR Error running script (call to f_1234): @user_script: 7: -OOM command not allowed",
     CT_E_REDIS_OOM, "maxmemory"},
    {"ERR something new", CT_E_REDIS_ERROR, "Redis: ERR something new"},
    {"OOMPH is another word", CT_E_REDIS_ERROR, "OOMPH"},
    {"", CT_E_REDIS_ERROR, "Redis"},
};

START_TEST(test_error_texts)
{
    struct ct_error err;
    char resp[256];
    int len = snprintf(resp, sizeof resp, "-%s\r\n", errors[_i].text);

    ck_assert_int_eq(redis_error_parse(ct_str_of(errors[_i].text), &err), errors[_i].code);
    ck_assert_msg(strstr(err.detail, errors[_i].says), "%s", err.detail);
    struct redis_reply *reply = redis_reply_parse(resp, (size_t)len);
    ck_assert(redis_reply_is_error(reply));
    ck_assert_int_eq(redis_reply_check(reply, &err), errors[_i].code);
    ck_assert_ptr_null(redis_reply_str(reply).data);
    redis_reply_free(reply);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_shapes);
    tcase_add_test(tcase, test_absent);
    tcase_add_test(tcase, test_pieces);
    tcase_add_test(tcase, test_take);
    tcase_add_test(tcase, test_too_many_elements);
    tcase_add_loop_test(tcase, test_error_texts, 0, (int)(sizeof errors / sizeof *errors));
}

int main(void)
{
    return unit_run("reply", add_tests);
}
