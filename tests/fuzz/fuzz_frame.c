/* Any stream to the frame reader, cut as the first byte says, against a reading of the whole at
 * once. Linked with -fsanitize=fuzzer; corpus: tests/fuzz/corpus/frame. */
#include <string.h>

#include "common/assert.h"
#include "proto/frame.h"

#define FUZZ_FRAME_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next payload of the stream by plain arithmetic, or the code that ends it. */
static enum ct_code fuzz_expect(const uint8_t *data, size_t size, size_t *at,
                                struct ct_str *payload)
{
    size_t len = 0;

    if (size - *at < PROTO_FRAME_HEADER)
        return CT_E_CLOSED;
    for (size_t i = 0; i < PROTO_FRAME_HEADER; i++)
        len = len * 256 + data[*at + i];
    if (len == 0)
        return CT_E_BAD_FRAME;
    if (len > FUZZ_FRAME_MAX)
        return CT_E_TOO_LARGE;
    if (size - *at - PROTO_FRAME_HEADER < len)
        return CT_E_CLOSED;
    *payload = (struct ct_str){(const char *)data + *at + PROTO_FRAME_HEADER, len};
    *at += PROTO_FRAME_HEADER + len;
    return CT_E_OK;
}

static void fuzz_feed(struct proto_reader *reader, const uint8_t *data, size_t len)
{
    size_t room;
    char *space = proto_reader_space(reader, len, &room);

    ct_assert(room >= len);
    memcpy(space, data, len);
    proto_reader_filled(reader, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_reader reader;
    struct ct_str payload, expected;
    struct ct_error err;
    size_t fed = 0;
    size_t at = 0;

    if (size < 1)
        return 0;
    size_t piece = 1 + data[0];
    data++;
    size--;
    proto_reader_init(&reader, FUZZ_FRAME_MAX);
    while (fed < size) {
        size_t len = size - fed < piece ? size - fed : piece;
        enum ct_code rc;

        fuzz_feed(&reader, data + fed, len);
        fed += len;
        while ((rc = proto_reader_next(&reader, &payload, &err)) == CT_E_OK) {
            enum ct_code want = fuzz_expect(data, fed, &at, &expected);
            ct_assert(want == CT_E_OK);
            ct_assert(ct_str_equal(payload, expected));
        }
        enum ct_code end = fuzz_expect(data, fed, &at, &expected);
        ct_assert(rc == end);
        if (rc != CT_E_CLOSED)
            break;
    }
    proto_reader_fini(&reader);
    return 0;
}
