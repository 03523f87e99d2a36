/* server/queue/cancel: the message that cancels a job, as others write it and as we do. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "queue/cancel.h"
#include "tests/lib/unit.h"

static struct ct_str bytes(const char *data, size_t len)
{
    return (struct ct_str){data, len};
}

static void assert_says(struct ct_str payload, struct ct_str id, const char *reason)
{
    struct cancel cancel;
    struct ct_error err;

    ck_assert_int_eq(cancel_parse(payload, &cancel, &err), CT_E_OK);
    ck_assert(ct_str_equal(cancel.id, id));
    ck_assert_int_eq(cancel.id.data[cancel.id.len], '\0');
    if (reason)
        ck_assert_str_eq(cancel.reason.data, reason);
    else
        ck_assert_ptr_null(cancel.reason.data);
    cancel_fini(&cancel);
}

static void assert_refused(struct ct_str payload, enum ct_code code)
{
    struct cancel cancel;
    struct ct_error err = {CT_E_OK, ""};

    ck_assert_int_eq(cancel_parse(payload, &cancel, &err), code);
    ck_assert_int_eq(err.code, code);
    ck_assert(err.detail[0]);
}

START_TEST(test_what_others_write)
{
    assert_says(CT_STR_LIT("7"), CT_STR_LIT("7"), NULL);
    assert_says(CT_STR_LIT("a b:\xff\0c"), CT_STR_LIT("a b:\xff\0c"), NULL);
    assert_says(CT_STR_LIT("{\"id\":\"7\"}"), CT_STR_LIT("7"), NULL);
    assert_says(CT_STR_LIT("{\"id\":7,\"reason\":null}"), CT_STR_LIT("7"), NULL);
    assert_says(CT_STR_LIT("{ \"reason\" : \"no \\u00fcse\", \"id\" : \"a\\u0000b\", \"x\": [] }"),
                CT_STR_LIT("a\0b"), "no \xc3\xbcse");
    assert_says(CT_STR_LIT("{\"id\":\"7\",\"reason\":\"\"}"), CT_STR_LIT("7"), NULL);
    assert_says(CT_STR_LIT("{\"id\":\"7\",\"reason\":\"a\\u0000b\"}"), CT_STR_LIT("7"), "a");
}
END_TEST

START_TEST(test_what_is_not_understood)
{
    char *huge = ct_alloc(CANCEL_ID_MAX + 1);

    memset(huge, '7', CANCEL_ID_MAX + 1);
    assert_refused(CT_STR_LIT(""), CT_E_INVALID);
    assert_refused(CT_STR_LIT("{}"), CT_E_INVALID);
    assert_refused(CT_STR_LIT("{\"id\":\"\"}"), CT_E_INVALID);
    assert_refused(CT_STR_LIT("{\"id\":true}"), CT_E_INVALID);
    assert_refused(CT_STR_LIT("{\"id\":1.5}"), CT_E_INVALID);
    assert_refused(CT_STR_LIT("{\"id\":\"7\""), CT_E_BAD_JSON);
    assert_refused(bytes(huge, CANCEL_ID_MAX + 1), CT_E_TOO_LARGE);
    assert_says(bytes(huge, CANCEL_ID_MAX), bytes(huge, CANCEL_ID_MAX), NULL);
    free(huge);
}
END_TEST

/* Whole characters, and no more than CANCEL_REASON_MAX bytes. */
START_TEST(test_long_reason_is_cut)
{
    char reason[CANCEL_REASON_MAX + 3];
    struct ct_str cut;

    memset(reason, 'x', sizeof reason);
    memcpy(reason + CANCEL_REASON_MAX - 1, "\xc3\xbc", 2);
    cut = cancel_cut_reason(bytes(reason, sizeof reason));
    ck_assert_uint_eq(cut.len, CANCEL_REASON_MAX - 1);
    ck_assert_ptr_null(cancel_cut_reason(CT_STR_NONE).data);
}
END_TEST

/* What we say is what we understand. */
static void assert_round_trip(struct ct_str id, const char *reason)
{
    struct redis_command command;
    struct ct_error err;
    const char *payload;
    struct ct_str body;

    redis_command_init(&command, NULL);
    ck_assert_int_eq(cancel_build("c", id, ct_str_of(reason), &command, &err), CT_E_OK);
    ck_assert_uint_eq(command.argc, 3);
    body = ct_buf_str(&command.body); /* $7 PUBLISH $1 c $N payload */
    payload = strchr(body.data + strlen("$7\r\nPUBLISH\r\n$1\r\nc\r\n"), '\n') + 1;
    assert_says(bytes(payload, (size_t)(body.data + body.len - payload) - 2), id, reason);
    redis_command_fini(&command);
}

START_TEST(test_what_we_write)
{
    struct redis_command command;
    struct ct_error err;
    char *channel = cancel_channel("bull", "mail");

    ck_assert_str_eq(channel, "bull:mail:cancel");
    assert_round_trip(CT_STR_LIT("7"), NULL);
    assert_round_trip(CT_STR_LIT("7"), "the \"user\" has left");
    assert_round_trip(CT_STR_LIT("{\"id\":\"8\"}"), "an id like a message");
    assert_round_trip(CT_STR_LIT("\xfe\0\r\n"), NULL);
    redis_command_init(&command, NULL);
    ck_assert_int_eq(cancel_build(channel, CT_STR_LIT("\xfe"), CT_STR_LIT("why"), &command, &err),
                     CT_E_INVALID);
    ck_assert_uint_eq(command.argc, 0);
    redis_command_fini(&command);
    free(channel);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_what_others_write);
    tcase_add_test(tcase, test_what_is_not_understood);
    tcase_add_test(tcase, test_long_reason_is_cut);
    tcase_add_test(tcase, test_what_we_write);
}

int main(void)
{
    return unit_run("cancel", add_tests);
}
