/* Events for listeners: read, chosen, written, kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "server/api/event_ring.h"
#include "tests/lib/unit.h"

static struct event *parse(const char *line)
{
    struct event *event;
    struct ct_error err;

    ck_assert_msg(event_parse(ct_str_of(line), &event, &err) == CT_E_OK, "%s", err.detail);
    return event;
}

static void assert_written(const struct event *event, const char *text)
{
    struct ct_buf out;

    ct_buf_init(&out);
    event_write(&out, event, (struct event_place){0xab, 17});
    ct_buf_append_char(&out, '\0');
    ck_assert_str_eq(ct_buf_data(&out), text);
    ct_buf_free(&out);
}

START_TEST(test_a_row_becomes_an_event)
{
    struct event *event =
        parse("{\"at\":1,\"queue\":\"a\\u0062\",\"event\":\"progress\",\"value\":{\"x\":\"\\n\"}}");

    ck_assert_str_eq(event->queue, "ab");
    ck_assert_str_eq(event->name, "progress");
    assert_written(event, "id: 00000000000000ab-17\n"
                          "data: {\"at\":1,\"queue\":\"a\\u0062\",\"event\":\"progress\",\"value\":"
                          "{\"x\":\"\\n\"}}\n\n");
    event_free(event);
}
END_TEST

START_TEST(test_a_notice_becomes_a_named_event)
{
    struct event *event = parse("{\"at\":1,\"notice\":\"missed\",\"reason\":\"a \\\"b\\\"\"}");

    assert_written(event, "event: missed\nid: 00000000000000ab-17\n"
                          "data: {\"reason\":\"a \\\"b\\\"\"}\n\n");
    event_free(event);
    event = parse("{\"at\":1,\"notice\":\"listening\"}");
    assert_written(event, "event: listening\nid: 00000000000000ab-17\ndata: {}\n\n");
    event_free(event);
    event = parse("{\"at\":1,\"notice\":\"late\",\"reason\":\"x\"}");
    ck_assert_int_eq(event->kind, EVENT_LATE);
    event_free(event);
}
END_TEST

START_TEST(test_what_is_neither_is_refused)
{
    static const char *const lines[] = {
        "", "x", "[]", "{}", "{\"a\":", "{\"queue\":\"a\"}", "null", "{\"queue\":1,\"event\":2}"};

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct event *event = NULL;
        struct ct_error err;

        ck_assert_msg(event_parse(ct_str_of(lines[i]), &event, &err) != CT_E_OK, "%s", lines[i]);
        ck_assert_ptr_null(event);
    }
}
END_TEST

START_TEST(test_filter)
{
    struct event_filter filter = {0};
    struct event *event = parse("{\"queue\":\"a\",\"event\":\"failed\"}");
    struct event *notice = event_notice(EVENT_MISSED, CT_STR_NONE);
    struct ct_error err;
    char long_name[EVENT_NAME_MAX + 2];

    ck_assert(event_filter_fits(&filter, event));
    ck_assert_int_eq(event_filter_add(&filter, "queue", "b", &err), CT_E_OK);
    ck_assert(!event_filter_fits(&filter, event));
    ck_assert_int_eq(event_filter_add(&filter, "queue", "a", &err), CT_E_OK);
    ck_assert(event_filter_fits(&filter, event));
    ck_assert_int_eq(event_filter_add(&filter, "event", "completed", &err), CT_E_OK);
    ck_assert(!event_filter_fits(&filter, event));
    ck_assert(event_filter_fits(&filter, notice));
    for (size_t i = filter.name_count; i < EVENT_FILTER_MAX; i++)
        ck_assert_int_eq(event_filter_add(&filter, "event", "x", &err), CT_E_OK);
    ck_assert_int_eq(event_filter_add(&filter, "event", "x", &err), CT_E_USAGE);
    ck_assert_int_eq(event_filter_add(&filter, "queue", "", &err), CT_E_USAGE);
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    ck_assert_int_eq(event_filter_add(&filter, "queue", long_name, &err), CT_E_USAGE);
    event_filter_free(&filter);
    event_free(event);
    event_free(notice);
}
END_TEST

START_TEST(test_places)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "00000000000000ab",
                                        "00000000000000ab-",
                                        "00000000000000ab--1",
                                        "00000000000000ab-1 ",
                                        "00000000000000AB-1",
                                        "0ab-1",
                                        "00000000000000ab-99999999999999999999"};
    struct event_place place;
    struct ct_buf out;

    ck_assert(event_place_parse("fedcba9876543210-9000000000", &place));
    ck_assert_uint_eq(place.epoch, 0xfedcba9876543210u);
    ck_assert_uint_eq(place.number, 9000000000u);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!event_place_parse(wrong[i], &place), "%s", wrong[i]);
    ct_buf_init(&out);
    event_write_pulse(&out, (struct event_place){1, 2});
    ck_assert(ct_str_is(ct_buf_str(&out), "id: 0000000000000001-2\n\n"));
    ct_buf_free(&out);
}
END_TEST

static void push(struct event_ring *ring, size_t bytes)
{
    char *text = ct_zalloc(bytes + 1);

    memset(text, 'x', bytes);
    event_ring_push(ring, event_notice(EVENT_MISSED, ct_str_of(text)));
    free(text);
}

START_TEST(test_ring_is_bounded_in_number)
{
    static struct event_ring ring;

    event_ring_init(&ring);
    for (uint32_t i = 0; i < EVENT_RING_MAX + 3; i++)
        push(&ring, 1);
    ck_assert_uint_eq(ring.first, 4);
    ck_assert_uint_eq(ring.next, EVENT_RING_MAX + 4);
    ck_assert_ptr_nonnull(event_ring_at(&ring, ring.first));
    ck_assert_ptr_nonnull(event_ring_at(&ring, ring.next - 1));
    event_ring_fini(&ring);
    ck_assert_uint_eq(ring.bytes, 0);
}
END_TEST

START_TEST(test_ring_is_bounded_in_bytes)
{
    static struct event_ring ring;
    const size_t size = EVENT_RING_BYTES_MAX / 10;

    event_ring_init(&ring);
    for (int i = 0; i < 30; i++) {
        push(&ring, size);
        ck_assert_uint_le(ring.bytes, EVENT_RING_BYTES_MAX);
    }
    ck_assert_uint_eq(ring.next - ring.first, 9);
    push(&ring, 2 * EVENT_RING_BYTES_MAX); /* one alone is kept */
    ck_assert_uint_eq(ring.next - ring.first, 1);
    event_ring_fini(&ring);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_row_becomes_an_event);
    tcase_add_test(tcase, test_a_notice_becomes_a_named_event);
    tcase_add_test(tcase, test_what_is_neither_is_refused);
    tcase_add_test(tcase, test_filter);
    tcase_add_test(tcase, test_places);
    tcase_add_test(tcase, test_ring_is_bounded_in_number);
    tcase_add_test(tcase, test_ring_is_bounded_in_bytes);
}

int main(void)
{
    return unit_run("event", add_tests);
}
