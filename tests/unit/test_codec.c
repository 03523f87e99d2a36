/* proto/codec: byte vectors of every message in both directions, and everything that a peer can get
 * wrong. The vectors were written by another encoder, so that the two directions cannot share a
 * mistake. Also holds PROTOCOL.md to messages.def. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/random.h"
#include "proto/codec.h"
#include "proto/frame.h"

struct vector {
    const char *hex; /* of the payload */
    struct proto_message message;
};

static const struct vector vectors[] = {
#define VECTOR(NAME, name, hex, ...) {hex, {.type = PROTO_##NAME, .as.name = {__VA_ARGS__}}},
#include "tests/unit/codec_vectors.h"
#undef VECTOR
};

#define VECTOR_COUNT ((int)(sizeof vectors / sizeof vectors[0]))

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Exact memory of the heap, so that the sanitizer sees a read behind the end. The caller frees. */
static struct ct_str bytes_of(const char *hex)
{
    char *bytes = ct_alloc(strlen(hex) / 2 + 1);
    size_t len = 0;

    for (const char *at = hex; *at; at++)
        if (*at != ' ') {
            bytes[len++] = (char)(hex_digit(at[0]) * 16 + hex_digit(at[1]));
            at++;
        }
    return (struct ct_str){ct_realloc(bytes, len), len};
}

static enum ct_code decode_hex(const char *hex, struct proto_message *out, struct ct_error *err)
{
    struct ct_str bytes = bytes_of(hex);
    enum ct_code rc = proto_decode(bytes, out, err);

    free((char *)bytes.data);
    return rc;
}

#define SAME_U64(a, b)   ck_assert_uint_eq(a, b)
#define SAME_I64(a, b)   ck_assert_int_eq(a, b)
#define SAME_BOOL(a, b)  ck_assert_int_eq(a, b)
#define SAME_BYTES(a, b) ck_assert(ct_str_equal(a, b))
#define SAME_REQUIRED(a, b, f)
#define SAME_OPTIONAL(a, b, f) ck_assert_int_eq((a)->has_##f, (b)->has_##f);

static void assert_same(const struct proto_message *a, const struct proto_message *b)
{
    ck_assert_int_eq(a->type, b->type);
    switch (a->type) {
/* clang-format off */
#define MESSAGE(NAME, name, number) case PROTO_##NAME:
#define FIELD(name, number, kind, field, need)                                                    \
        SAME_##need(&a->as.name, &b->as.name, field)                                               \
        SAME_##kind(a->as.name.field, b->as.name.field);
#define END(NAME, name) break;
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
        /* clang-format on */
    }
}

START_TEST(test_encode_is_the_vector)
{
    const struct vector *vector = &vectors[_i];
    struct ct_str want = bytes_of(vector->hex);
    struct ct_buf out;

    ct_buf_init(&out);
    ct_buf_append_char(&out, 'x'); /* appended behind what is there */
    ck_assert_int_eq(proto_encode(&out, &vector->message, PROTO_FRAME_MAX, NULL), CT_E_OK);
    ck_assert_uint_eq(out.len, 1 + PROTO_FRAME_HEADER + want.len);
    const unsigned char *frame = (const unsigned char *)ct_buf_data(&out) + 1;
    ck_assert_uint_eq(frame[0], 0);
    ck_assert_uint_eq(frame[1], 0);
    ck_assert_uint_eq((size_t)frame[2] << 8 | frame[3], want.len);
    ck_assert_mem_eq(frame + PROTO_FRAME_HEADER, want.data, want.len);
    ct_buf_free(&out);
    free((char *)want.data);
}
END_TEST

START_TEST(test_decode_of_the_vector)
{
    const struct vector *vector = &vectors[_i];
    struct ct_str bytes = bytes_of(vector->hex);
    struct proto_message message;
    struct ct_error err;

    memset(&message, 0xff, sizeof message);
    ck_assert_msg(proto_decode(bytes, &message, &err) == CT_E_OK, "%s", err.detail);
    assert_same(&message, &vector->message);
    free((char *)bytes.data);
}
END_TEST

/* Every prefix of every message is broken, says so, and leaves the output alone. */
START_TEST(test_truncations)
{
    struct ct_str whole = bytes_of(vectors[_i].hex);

    for (size_t len = 0; len < whole.len; len++) {
        char *part = ct_alloc(len);
        struct proto_message message;
        struct proto_message before;
        struct ct_error err = {CT_E_OK, ""};

        memset(&message, 0x5a, sizeof message);
        before = message;
        memcpy(part, whole.data, len);
        ck_assert_int_eq(proto_decode((struct ct_str){part, len}, &message, &err),
                         CT_E_BAD_MESSAGE);
        ck_assert_int_eq(err.code, CT_E_BAD_MESSAGE);
        ck_assert_str_ne(err.detail, "");
        ck_assert_mem_eq(&message, &before, sizeof message);
        free(part);
    }
    free((char *)whole.data);
}
END_TEST

START_TEST(test_trailing_byte)
{
    char *hex = ct_asprintf("%s00", vectors[_i].hex);
    struct proto_message message;
    struct ct_error err;

    ck_assert_int_eq(decode_hex(hex, &message, &err), CT_E_BAD_MESSAGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "too many"));
    free(hex);
}
END_TEST

struct refusal {
    const char *hex;
    enum ct_code code;
    const char *detail; /* a part of it */
};

static const struct refusal refusals[] = {
    {"92 cd 03 e7 80", CT_E_UNSUPPORTED, "999"},
    {"92 00 80", CT_E_UNSUPPORTED, "0"},
    {"92 cf ff ff ff ff ff ff ff ff 80", CT_E_UNSUPPORTED, "18446744073709551615"},
    {"92 ff 80", CT_E_BAD_MESSAGE, "negative"},
    {"92 a3 6a 6f 62 80", CT_E_BAD_MESSAGE, "type"},
    {"92 91 17 80", CT_E_BAD_MESSAGE, "type"},
    {"92 81 01 01 80", CT_E_BAD_MESSAGE, "type"},
    {"91 17", CT_E_BAD_MESSAGE, "array"},
    {"90", CT_E_BAD_MESSAGE, "array"},
    {"17", CT_E_BAD_MESSAGE, "array"},
    {"80", CT_E_BAD_MESSAGE, "array"},
    {"81 01 02", CT_E_BAD_MESSAGE, "array"},
    {"92 17 c0", CT_E_BAD_MESSAGE, "map"},
    {"92 17 91 81 01 01", CT_E_BAD_MESSAGE, "map"},
    {"92 17 90", CT_E_BAD_MESSAGE, "map"},
    {"92 17 80", CT_E_BAD_MESSAGE, "\"ping\": field \"nonce\" (1) is missing"},
    {"92 17 81 01 a1 31", CT_E_BAD_MESSAGE, "\"nonce\" is a string"},
    {"92 17 81 01 ff", CT_E_BAD_MESSAGE, "negative"},
    {"92 17 81 01 c3", CT_E_BAD_MESSAGE, "boolean"},
    {"92 17 81 01 c0", CT_E_BAD_MESSAGE, "nonce"},
    {"92 17 81 01 90", CT_E_BAD_MESSAGE, "nonce"},
    {"92 17 81 01 80", CT_E_BAD_MESSAGE, "nonce"},
    {"92 17 81 01 cb 3f f0 00 00 00 00 00 00", CT_E_BAD_MESSAGE, "nonce"},
    {"92 17 82 01 01 01 02", CT_E_BAD_MESSAGE, "twice"},
    {"92 17 81 a5 6e 6f 6e 63 65 01", CT_E_BAD_MESSAGE, "number"},
    {"92 17 81 c1 01", CT_E_BAD_MESSAGE, "msgpack"},
    {"92 16 81 01 05", CT_E_BAD_MESSAGE, "\"reason\" is an unsigned integer"},
    {"92 09 82 01 01 04 01", CT_E_BAD_MESSAGE, "\"unrecoverable\""},
    {"92 09 82 01 01 05 cf 80 00 00 00 00 00 00 00", CT_E_BAD_MESSAGE, "\"delay_ms\""},
    {"92 09 82 01 01 05 a1 31", CT_E_BAD_MESSAGE, "\"delay_ms\""},
    /* lengths and counts that the payload does not have */
    {"dd ff ff ff ff 17", CT_E_BAD_MESSAGE, "ends"},
    {"92 17 df ff ff ff ff 01 01", CT_E_BAD_MESSAGE, "ends"},
    {"92 16 81 01 c6 ff ff ff ff 61", CT_E_BAD_MESSAGE, "ends"},
};

START_TEST(test_refusals)
{
    const struct refusal *refusal = &refusals[_i];
    struct proto_message message;
    struct ct_error err = {CT_E_OK, ""};

    ck_assert_int_eq(decode_hex(refusal->hex, &message, &err), refusal->code);
    ck_assert_msg(strstr(err.detail, refusal->detail) != NULL, "\"%s\" lacks \"%s\"", err.detail,
                  refusal->detail);
}
END_TEST

struct leniency {
    const char *hex; /* a ping with nonce 5, or a failed with lease 1 and delay_ms -1 */
};

static const struct leniency leniencies[] = {
    /* any width of integer, signed or not */
    {"92 17 81 01 05"},
    {"92 cc 17 81 01 cc 05"},
    {"92 cd 00 17 81 01 cd 00 05"},
    {"92 ce 00 00 00 17 de 00 01 01 ce 00 00 00 05"},
    {"92 17 df 00 00 00 01 01 cf 00 00 00 00 00 00 00 05"},
    {"92 d0 17 81 d0 01 d0 05"},
    {"dc 00 02 17 81 01 d1 00 05"},
    {"dd 00 00 00 02 17 81 01 d2 00 00 00 05"},
    {"92 17 81 01 d3 00 00 00 00 00 00 00 05"},
    /* fields and elements of a newer peer, of every kind, nested too */
    {"93 17 81 01 05 c3"},
    {"93 17 81 01 05 82 01 09 a1 61 91 81 01 07"},
    {"92 17 82 cc fa 01 01 05"},
    {"92 17 82 ce ff ff ff ff 01 01 05"},
    {"92 17 82 02 c0 01 05"},
    {"92 17 82 3f 81 01 09 01 05"},
    {"92 17 82 01 05 40 92 81 01 09 93 01 02 03"},
    {"92 17 83 09 d4 01 00 0a cb 3f f0 00 00 00 00 00 00 01 05"},
    {"92 17 84 09 ca 00 00 00 00 0a c7 03 01 61 61 61 0b d9 01 61 01 05"},
    {"92 09 83 01 01 05 ff 30 90"},
    {"92 09 82 01 01 05 d0 ff"},
    {"92 09 82 01 01 05 d1 ff ff"},
    {"92 09 82 01 01 05 d2 ff ff ff ff"},
    {"92 09 82 05 d3 ff ff ff ff ff ff ff ff 01 01"},
};

START_TEST(test_leniency)
{
    struct proto_message message;
    struct ct_error err = {CT_E_OK, ""};

    ck_assert_msg(decode_hex(leniencies[_i].hex, &message, &err) == CT_E_OK, "%s", err.detail);
    if (message.type == PROTO_PING) {
        ck_assert_uint_eq(message.as.ping.nonce, 5);
    } else {
        ck_assert_int_eq(message.type, PROTO_FAILED);
        ck_assert_uint_eq(message.as.failed.lease, 1);
        ck_assert(message.as.failed.has_delay_ms);
        ck_assert_int_eq(message.as.failed.delay_ms, -1);
        ck_assert(!message.as.failed.has_reason);
    }
}
END_TEST

/* str and bin in all their lengths mean the same. */
START_TEST(test_strings_of_every_form)
{
    static const char *const heads[] = {"a2",    "d9 02",    "da 00 02",      "db 00 00 00 02",
                                        "c4 02", "c5 00 02", "c6 00 00 00 02"};
    struct proto_message message;

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char *hex = ct_asprintf("92 16 81 01 %s 68 69", heads[i]);
        struct ct_str bytes = bytes_of(hex);
        ck_assert_int_eq(proto_decode(bytes, &message, NULL), CT_E_OK);
        ck_assert(message.as.bye.has_reason);
        ck_assert(ct_str_is(message.as.bye.reason, "hi"));
        ck_assert_ptr_eq(message.as.bye.reason.data, bytes.data + bytes.len - 2); /* borrowed */
        free((char *)bytes.data);
        free(hex);
    }
}
END_TEST

/* Nesting in an unknown field is bounded by the parser's own stack. */
START_TEST(test_deep_nesting)
{
    struct ct_buf payload;
    struct proto_message message;
    struct ct_error err;

    for (int depth = 1; depth < 200; depth++) {
        ct_buf_init(&payload);
        ct_buf_append(&payload, "\x92\x17\x82\x01\x05\x09", 6);
        for (int i = 0; i < depth; i++)
            ct_buf_append_char(&payload, '\x91');
        ct_buf_append_char(&payload, '\x01');
        enum ct_code rc = proto_decode(ct_buf_str(&payload), &message, &err);
        ck_assert_int_eq(rc, depth <= 30 ? CT_E_OK : CT_E_BAD_MESSAGE);
        if (rc != CT_E_OK)
            ck_assert_ptr_nonnull(strstr(err.detail, "deep"));
        ct_buf_free(&payload);
    }
}
END_TEST

/* The limit is exact: a payload of that many bytes goes, one byte more does not. */
START_TEST(test_frame_limit)
{
    static char text[70000];
    struct proto_message message = {.type = PROTO_PROGRESS};
    static const size_t lens[] = {0, 1, 200, 255, 256, 65535, 65536, 70000};
    struct ct_buf out;
    struct ct_error err;

    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        message.as.progress.value = (struct ct_str){text, lens[i]};
        ct_buf_init(&out);
        ck_assert_int_eq(proto_encode(&out, &message, PROTO_FRAME_MAX, &err), CT_E_OK);
        uint32_t exact = (uint32_t)(out.len - PROTO_FRAME_HEADER);
        ct_buf_free(&out);

        ct_buf_append_char(&out, 'x');
        ck_assert_int_eq(proto_encode(&out, &message, exact - 1, &err), CT_E_TOO_LARGE);
        ck_assert_uint_eq(out.len, 1);
        ck_assert_ptr_nonnull(strstr(err.detail, "\"progress\""));
        ck_assert_int_eq(proto_encode(&out, &message, exact, &err), CT_E_OK);
        ck_assert_uint_eq(out.len, 1 + PROTO_FRAME_HEADER + exact);
        ct_buf_free(&out);
    }
}
END_TEST

/* Absent bytes in a required or present field travel as the empty string. */
START_TEST(test_absent_bytes_are_empty)
{
    struct proto_message message = {.type = PROTO_BYE, .as.bye.has_reason = true};
    struct proto_message back;
    struct ct_buf out;

    ct_buf_init(&out);
    ck_assert_int_eq(proto_encode(&out, &message, PROTO_FRAME_MAX, NULL), CT_E_OK);
    struct ct_str payload = {ct_buf_data(&out) + PROTO_FRAME_HEADER, out.len - PROTO_FRAME_HEADER};
    ck_assert_int_eq(proto_decode(payload, &back, NULL), CT_E_OK);
    ck_assert(back.as.bye.has_reason);
    ck_assert_uint_eq(back.as.bye.reason.len, 0);
    ct_buf_free(&out);
}
END_TEST

/* Random bytes, and vectors with random bytes changed: any answer but a crash, and what decodes
 * can be encoded again. */
START_TEST(test_random_bytes)
{
    uint64_t state = 11;
    struct ct_random random = ct_random_seeded(&state);
    struct proto_message message;
    struct ct_buf out;

    ct_buf_init(&out);
    for (unsigned round = 0; round < 40000; round++) {
        struct ct_str bytes = bytes_of(vectors[round % (unsigned)VECTOR_COUNT].hex);
        char *data = (char *)bytes.data;
        bool is_noise = round % 4 == 0;
        for (unsigned change = 0; change < (is_noise ? bytes.len : 1 + round % 3); change++)
            data[is_noise ? change : ct_random_next(&random) % bytes.len] =
                (char)ct_random_next(&random);
        if (proto_decode(bytes, &message, NULL) == CT_E_OK) {
            ct_buf_clear(&out);
            ck_assert_int_eq(proto_encode(&out, &message, PROTO_FRAME_MAX, NULL), CT_E_OK);
        }
        free(data);
    }
    ct_buf_free(&out);
}
END_TEST

START_TEST(test_type_names)
{
    ck_assert_str_eq(proto_type_name(PROTO_HELLO), "hello");
    ck_assert_str_eq(proto_type_name(PROTO_BACKLOG), "backlog");
    ck_assert_ptr_null(proto_type_name((enum proto_type)0));
    ck_assert_ptr_null(proto_type_name((enum proto_type)(PROTO_CACHE_PUT + 1)));
    ck_assert_ptr_null(proto_type_name((enum proto_type)9999));
}
END_TEST

/* Two fields or messages with one number would shadow each other. */
START_TEST(test_every_message_has_a_vector)
{
    bool seen[256] = {false};

    for (int i = 0; i < VECTOR_COUNT; i++)
        seen[vectors[i].message.type] = true;
#define MESSAGE(NAME, name, number) ck_assert_msg(seen[number], "no vector for %s", #name);
#define FIELD(name, number, kind, field, need)
#define END(NAME, name)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
}
END_TEST

/* --- PROTOCOL.md ---------------------------------------------------------------------------- */

/* The file beside the sources, wherever the compiler was told to find this test. */
static char *protocol_page(void)
{
    static const char self[] = "tests/unit/test_codec.c";
    size_t root_len = strlen(__FILE__) - (sizeof self - 1);
    char *path = ct_asprintf("%.*sproto/PROTOCOL.md", (int)root_len, __FILE__);
    FILE *file = fopen(path, "r");
    struct ct_buf text;
    size_t len;

    ck_assert_msg(file != NULL, "cannot open %s", path);
    ct_buf_init(&text);
    do {
        len = fread(ct_buf_reserve(&text, 4096), 1, 4096, file);
        text.len += len;
    } while (len > 0);
    fclose(file);
    free(path);
    return ct_buf_take(&text, NULL);
}

/* The part of the page under the message's heading; the caller frees. */
static char *protocol_section(const char *page, const char *name, int number)
{
    char *heading = ct_asprintf("\n### %d `%s` ", number, name);
    const char *start = strstr(page, heading);

    ck_assert_msg(start != NULL, "PROTOCOL.md has no heading \"%s\"", heading + 1);
    const char *end = strstr(start + 1, "\n### ");
    const char *part_end = strstr(start + 1, "\n## ");
    if (!end || (part_end && part_end < end))
        end = part_end;
    free(heading);
    return end ? ct_strndup(start, (size_t)(end - start)) : ct_strdup(start);
}

static unsigned protocol_rows(const char *section)
{
    unsigned rows = 0;

    for (const char *at = section; (at = strstr(at, "\n| ")) != NULL; at++)
        rows += at[3] >= '0' && at[3] <= '9';
    return rows;
}

START_TEST(test_protocol_page_is_complete)
{
    char *page = protocol_page();
    char *section = NULL;
    unsigned rows = 0;

#define MESSAGE(NAME, name, number)                  \
    section = protocol_section(page, #name, number); \
    rows = 0;
#define FIELD(message, number, kind, field, need)                                              \
    rows++;                                                                                    \
    ck_assert_msg(strstr(section, "\n| " #number " | `" #field "` | " #kind " | " #need " |"), \
                  "PROTOCOL.md: no row for %s.%s = %d", #message, #field, number);
#define END(NAME, name)                                                                        \
    ck_assert_msg(protocol_rows(section) == rows, "PROTOCOL.md: a row too many in %s", #name); \
    free(section);
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

#define ERROR_ROW(name, number, text)                                                          \
    ck_assert_msg(strstr(page, "\n| " #number " | `" #name "` |"), "PROTOCOL.md: no error %s", \
                  #name);
    CT_ERROR_LIST(ERROR_ROW)
#undef ERROR_ROW
    free(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tcase = tcase_create("codec");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_encode_is_the_vector, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, test_decode_of_the_vector, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, test_truncations, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, test_trailing_byte, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, test_refusals, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_loop_test(tcase, test_leniency, 0, (int)(sizeof leniencies / sizeof leniencies[0]));
    tcase_add_test(tcase, test_strings_of_every_form);
    tcase_add_test(tcase, test_deep_nesting);
    tcase_add_test(tcase, test_frame_limit);
    tcase_add_test(tcase, test_absent_bytes_are_empty);
    tcase_add_test(tcase, test_random_bytes);
    tcase_add_test(tcase, test_type_names);
    tcase_add_test(tcase, test_every_message_has_a_vector);
    tcase_add_test(tcase, test_protocol_page_is_complete);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
