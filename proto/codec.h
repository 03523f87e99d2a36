/* Messages: C structs on one side, msgpack on the other. Pure functions, no I/O; the only file
 * that knows msgpack. Called by frame.h's users: the daemon's connections and proto/client.
 *
 * The structs are made from messages.def. A `has_` member tells an optional field's presence;
 * required fields have none. Byte fields are borrowed: on decode they point into the frame. */
#ifndef CT_PROTO_CODEC_H
#define CT_PROTO_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/str.h"

#define PROTO_VERSION_MIN 1
#define PROTO_VERSION_MAX 1

/* Ends the `software` of a welcome when the daemon belongs to one worker and ends with it. */
#define PROTO_SOFTWARE_PRIVATE " (private)"

enum proto_role { PROTO_ROLE_RUNNER = 1, PROTO_ROLE_SUPERVISOR = 2, PROTO_ROLE_CLIENT = 3 };

enum proto_release {
    PROTO_RELEASE_UNSTARTED = 1, /* not begun: as if it had never been fetched */
    PROTO_RELEASE_MOVED = 2,     /* the job was moved elsewhere under its token: write nothing */
    PROTO_RELEASE_WAITING = 3,   /* to begin again, uncharged; fetching rests duration_ms */
    PROTO_RELEASE_POSTPONED = 4, /* again after duration_ms, uncharged */
    PROTO_RELEASE_AWAITING = 5,  /* again when all of its children have ended, uncharged */
};

enum proto_state {
    PROTO_STATE_COMPLETED = 1,
    PROTO_STATE_FAILED = 2,
    PROTO_STATE_DELAYED = 3,
    PROTO_STATE_WAITING = 4,
    PROTO_STATE_LOST = 5,
    PROTO_STATE_WAITING_CHILDREN = 6,
};

enum proto_which {
    PROTO_CHILDREN_PROCESSED = 1,
    PROTO_CHILDREN_IGNORED = 2,
    PROTO_CHILDREN_FAILED = 3,
    PROTO_CHILDREN_UNPROCESSED = 4,
};

enum proto_type {
#define MESSAGE(NAME, name, number) PROTO_##NAME = number,
#define FIELD(name, number, kind, field, need)
#define END(NAME, name)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};

#define PROTO_KIND_U64   uint64_t
#define PROTO_KIND_I64   int64_t
#define PROTO_KIND_BOOL  bool
#define PROTO_KIND_BYTES struct ct_str

#define PROTO_HAS_REQUIRED(field)
#define PROTO_HAS_OPTIONAL(field) bool has_##field;

/* clang-format takes half a struct for a statement. */
/* clang-format off */
#define MESSAGE(NAME, name, number)            struct proto_##name {
#define FIELD(name, number, kind, field, need) PROTO_KIND_##kind field; PROTO_HAS_##need(field)
#define END(NAME, name)                        };
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
/* clang-format on */

struct proto_message {
    enum proto_type type;
    union {
#define MESSAGE(NAME, name, number) struct proto_##name name;
#define FIELD(name, number, kind, field, need)
#define END(NAME, name)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    } as;
};

/* Appends one whole frame (length prefix and payload) with the message to `out`. TOO_LARGE when
 * the payload would be over `frame_max` bytes; `out` is then as before. */
enum ct_code proto_encode(struct ct_buf *out, const struct proto_message *message,
                          uint32_t frame_max, struct ct_error *err) CT_MUST_CHECK;

/* Reads the payload of one frame. Unknown fields are skipped. BAD_MESSAGE names message and field:
 * wrong type, missing field, broken msgpack, trailing bytes. UNSUPPORTED: an unknown message type
 * (its number is in the detail); the caller answers with an error message and goes on. */
enum ct_code proto_decode(struct ct_str payload, struct proto_message *out,
                          struct ct_error *err) CT_MUST_CHECK;

/* "hello", "job", ...; NULL for a number that has none. */
const char *proto_type_name(enum proto_type type);

#endif
