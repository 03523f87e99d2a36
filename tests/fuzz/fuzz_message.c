/* Any bytes to proto_decode. What decodes must encode, and the encoding must decode to the same
 * bytes again. Linked with -fsanitize=fuzzer; corpus: tests/fuzz/corpus/message. */
#include <stdlib.h>

#include "common/assert.h"
#include "common/buf.h"
#include "proto/codec.h"
#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_encode(const struct proto_message *message, struct ct_buf *out)
{
    struct ct_error err;
    enum ct_code rc = proto_encode(out, message, PROTO_FRAME_MAX, &err);

    ct_assert(rc == CT_E_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_message message;
    struct proto_message again;
    struct ct_buf first;
    struct ct_buf second;
    struct ct_error err = {CT_E_OK, ""};
    enum ct_code rc = proto_decode((struct ct_str){(const char *)data, size}, &message, &err);

    if (rc != CT_E_OK) {
        ct_assert(rc == CT_E_BAD_MESSAGE || rc == CT_E_UNSUPPORTED);
        ct_assert(err.code == rc);
        ct_assert(err.detail[0] != '\0');
        return 0;
    }
    ct_assert(proto_type_name(message.type) != NULL);
    ct_buf_init(&first);
    ct_buf_init(&second);
    fuzz_encode(&message, &first);
    rc = proto_decode(
        (struct ct_str){ct_buf_data(&first) + PROTO_FRAME_HEADER, first.len - PROTO_FRAME_HEADER},
        &again, &err);
    ct_assert(rc == CT_E_OK);
    fuzz_encode(&again, &second);
    ct_assert(ct_str_equal(ct_buf_str(&first), ct_buf_str(&second)));
    ct_buf_free(&first);
    ct_buf_free(&second);
    return 0;
}
