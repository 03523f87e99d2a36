/* Frames: a 4-byte big-endian length and that many bytes of payload. The reader takes bytes as
 * they come and hands out whole payloads; the length is checked before anything is allocated.
 * Called by the daemon's connections and proto/client. */
#ifndef CT_PROTO_FRAME_H
#define CT_PROTO_FRAME_H

#include "common/buf.h"
#include "common/error.h"

#define PROTO_FRAME_HEADER   4
#define PROTO_FRAME_MAX      (64u << 20) /* default bound of a payload, bytes */
#define PROTO_FRAME_MAX_EVER (512u << 20)

struct proto_reader {
    struct ct_buf buf;  /* owned */
    uint32_t frame_max; /* bytes of payload; more is TOO_LARGE */
    size_t handed_out;  /* bytes of the frame that the last call lent out */
};

void proto_reader_init(struct proto_reader *reader, uint32_t frame_max);
void proto_reader_fini(struct proto_reader *reader);

/* Where to read to: at least `want` bytes of room (libuv's alloc callback); *room gets the size. */
char *proto_reader_space(struct proto_reader *reader, size_t want, size_t *room);
/* `len` bytes were put there. */
void proto_reader_filled(struct proto_reader *reader, size_t len);

/* The next whole payload, lent until the next call on this reader. CLOSED: none yet, read more.
 * TOO_LARGE / BAD_FRAME (length 0): the stream cannot go on, close it. */
enum ct_code proto_reader_next(struct proto_reader *reader, struct ct_str *payload,
                               struct ct_error *err) CT_MUST_CHECK;

#endif
