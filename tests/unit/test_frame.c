/* proto/frame: the same stream must yield the same payloads however it is cut. */
#include <check.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/random.h"
#include "proto/frame.h"

static void put_header(struct ct_buf *out, size_t len)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        ct_buf_append_char(out, (char)(unsigned char)(len >> shift));
}

static const size_t payload_lens[] = {1, 2, 3, 4, 5, 255, 256, 1, 65535, 65536, 7, 300000, 1, 1};

#define PAYLOAD_COUNT (sizeof payload_lens / sizeof payload_lens[0])

/* Payload n is filled with the letter of n. */
static void put_stream(struct ct_buf *out)
{
    for (size_t i = 0; i < PAYLOAD_COUNT; i++) {
        put_header(out, payload_lens[i]);
        for (size_t at = 0; at < payload_lens[i]; at++)
            ct_buf_append_char(out, (char)('a' + i));
    }
}

static void check_payload(struct ct_str payload, size_t number)
{
    ck_assert_uint_lt(number, PAYLOAD_COUNT);
    ck_assert_uint_eq(payload.len, payload_lens[number]);
    for (size_t at = 0; at < payload.len; at++)
        if (payload.data[at] != (char)('a' + number))
            ck_abort_msg("payload %zu is wrong at byte %zu", number, at);
}

/* Feeds in pieces of at most `piece` bytes (0: of random size) and takes what is there. */
static void run_stream(size_t piece)
{
    struct ct_buf stream;
    struct proto_reader reader;
    uint64_t state = 3;
    struct ct_random random = ct_random_seeded(&state);
    size_t number = 0;
    struct ct_str payload;
    struct ct_error err;
    enum ct_code rc;

    ct_buf_init(&stream);
    put_stream(&stream);
    proto_reader_init(&reader, 300000);
    while (stream.len > 0) {
        size_t want = piece ? piece : 1 + (size_t)(ct_random_next(&random) % 5000);
        size_t len = want < stream.len ? want : stream.len;
        size_t room = 0;
        char *space = proto_reader_space(&reader, len, &room);
        /* Not ck_assert, which writes to a file each time: this runs once a byte. */
        if (room < len)
            ck_abort_msg("room for %zu bytes where %zu were asked for", room, len);
        memcpy(space, ct_buf_data(&stream), len);
        proto_reader_filled(&reader, len);
        ct_buf_consume(&stream, len);
        while ((rc = proto_reader_next(&reader, &payload, &err)) == CT_E_OK)
            check_payload(payload, number++);
        if (rc != CT_E_CLOSED)
            ck_abort_msg("%s", err.detail);
    }
    ck_assert_uint_eq(number, PAYLOAD_COUNT);
    ck_assert_uint_eq(reader.buf.len, 0);
    proto_reader_fini(&reader);
    ct_buf_free(&stream);
}

START_TEST(test_any_cut)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, 4096, 65536, 1000000, 0};

    run_stream(pieces[_i]);
}
END_TEST

static void feed(struct proto_reader *reader, const char *bytes, size_t len)
{
    size_t room;

    memcpy(proto_reader_space(reader, len, &room), bytes, len);
    proto_reader_filled(reader, len);
}

START_TEST(test_nothing_yet)
{
    struct proto_reader reader;
    struct ct_str payload;
    struct ct_error err;

    proto_reader_init(&reader, 0);
    ck_assert_uint_eq(reader.frame_max, PROTO_FRAME_MAX);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_CLOSED);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, NULL), CT_E_CLOSED);
    feed(&reader, "\0\0\0", 3);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_CLOSED);
    feed(&reader, "\2a", 2);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_CLOSED);
    feed(&reader, "b", 1);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_OK);
    ck_assert(ct_str_is(payload, "ab"));
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_CLOSED);
    proto_reader_fini(&reader);
}
END_TEST

/* The limit is exact, the refusal final, and nothing is allocated for the announced length. */
START_TEST(test_limit)
{
    struct proto_reader reader;
    struct ct_str payload;
    struct ct_error err;

    proto_reader_init(&reader, 4);
    feed(&reader, "\0\0\0\4abcd\0\0\0\5abcde", 17);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_OK);
    ck_assert(ct_str_is(payload, "abcd"));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_TOO_LARGE);
        ck_assert_ptr_nonnull(strstr(err.detail, "5 bytes"));
        ck_assert_ptr_nonnull(strstr(err.detail, "4 bytes"));
    }
    proto_reader_fini(&reader);

    proto_reader_init(&reader, PROTO_FRAME_MAX_EVER);
    feed(&reader, "\x1f\xff\xff\xff", 4);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_CLOSED);
    ck_assert_uint_lt(reader.buf.cap, 4096);
    size_t room;
    ck_assert_ptr_nonnull(proto_reader_space(&reader, 65536, &room));
    ck_assert_uint_lt(reader.buf.cap, 1u << 20);
    proto_reader_fini(&reader);

    proto_reader_init(&reader, 0);
    feed(&reader, "\xff\xff\xff\xff", 4);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_TOO_LARGE);
    proto_reader_fini(&reader);
}
END_TEST

START_TEST(test_length_zero)
{
    struct proto_reader reader;
    struct ct_str payload;
    struct ct_error err;

    proto_reader_init(&reader, 0);
    feed(&reader, "\0\0\0\0\0\0\0\1a", 9);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(proto_reader_next(&reader, &payload, &err), CT_E_BAD_FRAME);
    proto_reader_fini(&reader);
}
END_TEST

/* One large frame must not hold its memory for the rest of the connection's life. */
START_TEST(test_memory_is_given_back)
{
    struct proto_reader reader;
    struct ct_str payload;
    struct ct_buf stream;
    size_t len = 3u << 20;

    ct_buf_init(&stream);
    put_header(&stream, len);
    memset(ct_buf_reserve(&stream, len), 'x', len);
    stream.len += len;
    proto_reader_init(&reader, 0);
    feed(&reader, ct_buf_data(&stream), stream.len);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, NULL), CT_E_OK);
    ck_assert_uint_eq(payload.len, len);
    ck_assert_uint_ge(reader.buf.cap, len);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, NULL), CT_E_CLOSED);
    ck_assert_uint_eq(reader.buf.cap, 0);
    feed(&reader, "\0\0\0\1z", 5);
    ck_assert_int_eq(proto_reader_next(&reader, &payload, NULL), CT_E_OK);
    ck_assert(ct_str_is(payload, "z"));
    proto_reader_fini(&reader);
    ct_buf_free(&stream);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tcase = tcase_create("frame");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_any_cut, 0, 11);
    tcase_add_test(tcase, test_nothing_yet);
    tcase_add_test(tcase, test_limit);
    tcase_add_test(tcase, test_length_zero);
    tcase_add_test(tcase, test_memory_is_given_back);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
