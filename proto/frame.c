/* Cuts a stream of bytes into payloads. Called by the daemon's connections and by link.c; does no
 * I/O of its own. A length is believed only as far as bytes follow it: the buffer grows with what
 * has arrived, not with what was announced. */
#include "proto/frame.h"

#include "common/assert.h"

/* A buffer that one large frame has blown up to more than this is given back once it is empty. */
#define READER_KEEP_MAX (1u << 20)

void proto_reader_init(struct proto_reader *reader, uint32_t frame_max)
{
    ct_assert(frame_max <= PROTO_FRAME_MAX_EVER);
    ct_buf_init(&reader->buf);
    reader->frame_max = frame_max ? frame_max : PROTO_FRAME_MAX;
    reader->handed_out = 0;
}

void proto_reader_fini(struct proto_reader *reader)
{
    ct_buf_free(&reader->buf);
    reader->handed_out = 0;
}

/* What was lent out is not needed any more. */
static void reader_take_back(struct proto_reader *reader)
{
    if (reader->handed_out == 0)
        return;
    ct_buf_consume(&reader->buf, reader->handed_out);
    reader->handed_out = 0;
    if (reader->buf.len == 0 && reader->buf.cap > READER_KEEP_MAX)
        ct_buf_free(&reader->buf);
}

char *proto_reader_space(struct proto_reader *reader, size_t want, size_t *room)
{
    struct ct_buf *buf = &reader->buf;

    reader_take_back(reader);
    if (!ct_buf_try_reserve(buf, want)) {
        *room = 0;
        return NULL;
    }
    *room = buf->cap - buf->start - buf->len;
    return buf->data + buf->start + buf->len;
}

void proto_reader_filled(struct proto_reader *reader, size_t len)
{
    struct ct_buf *buf = &reader->buf;

    ct_assert(len <= buf->cap - buf->start - buf->len);
    buf->len += len;
}

static uint32_t reader_peek_length(const struct proto_reader *reader)
{
    const unsigned char *bytes = (const unsigned char *)ct_buf_data(&reader->buf);

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           (uint32_t)bytes[3];
}

/* The ordinary end of a batch, not a failure: no text is made for it. */
static enum ct_code reader_wants_more(struct ct_error *err)
{
    if (err) {
        err->code = CT_E_CLOSED;
        err->detail[0] = '\0';
    }
    return CT_E_CLOSED;
}

enum ct_code proto_reader_next(struct proto_reader *reader, struct ct_str *payload,
                               struct ct_error *err)
{
    reader_take_back(reader);
    if (reader->buf.len < PROTO_FRAME_HEADER)
        return reader_wants_more(err);
    uint32_t len = reader_peek_length(reader);
    if (len == 0)
        return ct_error_set(err, CT_E_BAD_FRAME,
                            "a frame of length 0: the peer does not speak "
                            "this protocol or is broken");
    if (len > reader->frame_max)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a frame of %u bytes is over the frame limit of %u bytes",
                            (unsigned)len, (unsigned)reader->frame_max);
    if (reader->buf.len - PROTO_FRAME_HEADER < len)
        return reader_wants_more(err);
    *payload = (struct ct_str){ct_buf_data(&reader->buf) + PROTO_FRAME_HEADER, len};
    reader->handed_out = PROTO_FRAME_HEADER + (size_t)len;
    return CT_E_OK;
}
