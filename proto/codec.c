/* Messages to msgpack and back. Pure functions over the table of layout.h: no I/O, no
 * heap beyond the caller's output buffer. The only file that knows msgpack.
 *
 * A payload is [type, {field number: value, ...}]. Encoding packs straight into the output buffer.
 * Decoding does not build msgpack's object tree: it instantiates msgpack-c's parser with callbacks
 * that put each field into the struct as it passes by; strings stay where they are. */
#include "proto/codec.h"

#include <msgpack/pack.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#include "common/assert.h"
#include "proto/frame.h"
#include "proto/layout.h"

/* --- encoding ------------------------------------------------------------------------------- */

/* The most that msgpack needs besides the bytes themselves: array and type, the map's head, and
 * for a field its number and a head of up to 9 bytes. */
#define ENVELOPE_MAX   16
#define FIELD_HEAD_MAX 10

static bool field_is_present(const struct proto_field *field, const char *base)
{
    return field->name && (!field->is_optional || *(const bool *)(base + field->has_offset));
}

/* Room was reserved for the whole message before packing began. */
static int encode_write(void *ctx, const char *bytes, size_t len)
{
    struct ct_buf *out = ctx;

    memcpy(out->data + out->start + out->len, bytes, len);
    out->len += len;
    return 0;
}

static void encode_field(msgpack_packer *packer, const struct proto_field *field, const void *value)
{
    switch (field->kind) {
    case PROTO_IS_U64:
        msgpack_pack_uint64(packer, *(const uint64_t *)value);
        return;
    case PROTO_IS_I64:
        msgpack_pack_int64(packer, *(const int64_t *)value);
        return;
    case PROTO_IS_BOOL:
        if (*(const bool *)value)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        return;
    case PROTO_IS_BYTES: {
        const struct ct_str *bytes = value;

        msgpack_pack_bin(packer, bytes->len);
        if (bytes->len > 0)
            msgpack_pack_bin_body(packer, bytes->data, bytes->len);
        return;
    }
    }
}

/* Counts the fields that will be written and the bytes they need at most. */
static size_t encode_measure(const struct proto_layout *layout, const char *base,
                             unsigned *field_count)
{
    size_t len = ENVELOPE_MAX;

    *field_count = 0;
    for (unsigned number = 1; number <= layout->field_max; number++) {
        const struct proto_field *field = &layout->fields[number];
        if (!field_is_present(field, base))
            continue;
        (*field_count)++;
        len += FIELD_HEAD_MAX;
        if (field->kind == PROTO_IS_BYTES)
            len += ((const struct ct_str *)(base + field->offset))->len;
    }
    return len;
}

static enum ct_code encode_too_large(const struct proto_layout *layout, size_t len,
                                     uint32_t frame_max, struct ct_error *err)
{
    return ct_error_set(err, CT_E_TOO_LARGE,
                        "message \"%s\" of %zu bytes is over the frame limit of %u bytes",
                        layout->name, len, (unsigned)frame_max);
}

static void encode_put_length(char *at, size_t len)
{
    for (int i = 0; i < PROTO_FRAME_HEADER; i++)
        at[i] = (char)(unsigned char)(len >> (8 * (PROTO_FRAME_HEADER - 1 - i)));
}

enum ct_code proto_encode(struct ct_buf *out, const struct proto_message *message,
                          uint32_t frame_max, struct ct_error *err)
{
    const struct proto_layout *layout = proto_layout_find((uint64_t)message->type);
    const char *base = (const char *)&message->as;
    size_t before = out->len;
    unsigned field_count;

    ct_assert(layout != NULL);
    size_t room = encode_measure(layout, base, &field_count);
    /* Only a message that cannot fit whatever its heads take is refused here, before the copy. */
    if (room > (size_t)frame_max + ENVELOPE_MAX + (size_t)field_count * FIELD_HEAD_MAX)
        return encode_too_large(layout, room, frame_max, err);
    if (!ct_buf_try_reserve(out, PROTO_FRAME_HEADER + room))
        return ct_error_set(err, CT_E_SYSTEM, "no memory for a message \"%s\" of %zu bytes",
                            layout->name, room);

    msgpack_packer packer;
    msgpack_packer_init(&packer, out, encode_write);
    out->len += PROTO_FRAME_HEADER;
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint32(&packer, (uint32_t)message->type);
    msgpack_pack_map(&packer, field_count);
    for (unsigned number = 1; number <= layout->field_max; number++) {
        const struct proto_field *field = &layout->fields[number];
        if (!field_is_present(field, base))
            continue;
        msgpack_pack_uint8(&packer, (uint8_t)number);
        encode_field(&packer, field, base + field->offset);
    }

    size_t payload_len = out->len - before - PROTO_FRAME_HEADER;
    if (payload_len > frame_max) {
        out->len = before;
        return encode_too_large(layout, payload_len, frame_max, err);
    }
    encode_put_length(out->data + out->start + before, payload_len);
    return CT_E_OK;
}

/* --- decoding ------------------------------------------------------------------------------- */

/* What a msgpack value is to us. */
enum value_kind {
    VALUE_UNSIGNED,
    VALUE_NEGATIVE,
    VALUE_BOOL,
    VALUE_BYTES, /* str and bin alike: a peer's library may not tell them apart */
    VALUE_ROOT,  /* the array around everything */
    VALUE_BODY,  /* the map of the fields */
    VALUE_OTHER, /* nil, float, ext and what lies in unknown fields */
};

/* The parser copies these from place to place: two machine words copy more than twice as fast as
 * three. */
struct value {
    enum value_kind kind;
    uint32_t len; /* of bytes; as wide as a length in msgpack */
    union {
        uint64_t number;
        int64_t negative;
        bool flag;
        const char *bytes;
    } as;
};

_Static_assert(sizeof(struct value) == 16, "two words");

struct decoding {
    struct proto_message *out;
    const struct proto_layout *layout; /* NULL until the type was read */
    uint64_t seen;                     /* bit n: field n was there */
    unsigned root_items;
    bool has_root, has_body;
    struct ct_error *err;
    enum ct_code rc;
};

/* Any negative number other than msgpack's own stops the parser. */
#define DECODE_STOP (-100)

_Static_assert(DECODE_STOP != MSGPACK_UNPACK_PARSE_ERROR, "told apart");
_Static_assert(DECODE_STOP != MSGPACK_UNPACK_NOMEM_ERROR, "told apart");

#define DECODE_FAIL(decoding, code, ...) \
    ((decoding)->rc = ct_error_set((decoding)->err, code, __VA_ARGS__), DECODE_STOP)

static const char *value_kind_name(enum value_kind kind)
{
    switch (kind) {
    case VALUE_UNSIGNED:
        return "an unsigned integer";
    case VALUE_NEGATIVE:
        return "a negative integer";
    case VALUE_BOOL:
        return "a boolean";
    case VALUE_BYTES:
        return "a string";
    case VALUE_ROOT:
    case VALUE_BODY:
    case VALUE_OTHER:
        break;
    }
    return "something else";
}

/* False when the value's type is not the field's. */
static bool decode_store(const struct proto_field *field, char *base, struct value value)
{
    void *place = base + field->offset;

    switch (field->kind) {
    case PROTO_IS_U64:
        if (value.kind != VALUE_UNSIGNED)
            return false;
        *(uint64_t *)place = value.as.number;
        break;
    case PROTO_IS_I64:
        if (value.kind == VALUE_UNSIGNED && value.as.number <= INT64_MAX)
            *(int64_t *)place = (int64_t)value.as.number;
        else if (value.kind == VALUE_NEGATIVE)
            *(int64_t *)place = value.as.negative;
        else
            return false;
        break;
    case PROTO_IS_BOOL:
        if (value.kind != VALUE_BOOL)
            return false;
        *(bool *)place = value.as.flag;
        break;
    case PROTO_IS_BYTES:
        if (value.kind != VALUE_BYTES)
            return false;
        *(struct ct_str *)place = (struct ct_str){value.as.bytes, value.len};
        break;
    }
    if (field->is_optional)
        *(bool *)(base + field->has_offset) = true;
    return true;
}

static int decode_field(struct decoding *decoding, struct value key, struct value value)
{
    const struct proto_layout *layout = decoding->layout;

    if (key.kind != VALUE_UNSIGNED)
        return DECODE_FAIL(decoding, CT_E_BAD_MESSAGE,
                           "message \"%s\": a field is named by %s, not by its number",
                           layout->name, value_kind_name(key.kind));
    if (key.as.number > layout->field_max || !layout->fields[key.as.number].name)
        return 0; /* a newer peer's */
    const struct proto_field *field = &layout->fields[key.as.number];
    if (decoding->seen & (UINT64_C(1) << key.as.number))
        return DECODE_FAIL(decoding, CT_E_BAD_MESSAGE, "message \"%s\": field \"%s\" comes twice",
                           layout->name, field->name);
    decoding->seen |= UINT64_C(1) << key.as.number;
    if (!decode_store(field, (char *)&decoding->out->as, value))
        return DECODE_FAIL(decoding, CT_E_BAD_MESSAGE,
                           "message \"%s\": field \"%s\" is %s where it should be %s", layout->name,
                           field->name, value_kind_name(value.kind), proto_kind_name(field->kind));
    return 0;
}

static int decode_type(struct decoding *decoding, struct value value)
{
    if (value.kind != VALUE_UNSIGNED)
        return DECODE_FAIL(decoding, CT_E_BAD_MESSAGE, "the message's type is %s, not a number",
                           value_kind_name(value.kind));
    const struct proto_layout *layout = proto_layout_find(value.as.number);
    if (!layout)
        return DECODE_FAIL(decoding, CT_E_UNSUPPORTED, "message type %llu is not known here",
                           (unsigned long long)value.as.number);
    decoding->layout = layout;
    decoding->out->type = (enum proto_type)value.as.number;
    memset(&decoding->out->as, 0, layout->size);
    return 0;
}

/* The parser's callbacks; it calls them in the order of the bytes. */

static inline struct value decode_callback_root(struct decoding **user)
{
    return (struct value){.kind = VALUE_OTHER};
}

static inline int decode_callback_uint64(struct decoding **user, uint64_t number, struct value *out)
{
    out->kind = VALUE_UNSIGNED;
    out->as.number = number;
    return 0;
}

static inline int decode_callback_int64(struct decoding **user, int64_t number, struct value *out)
{
    if (number >= 0)
        return decode_callback_uint64(user, (uint64_t)number, out);
    out->kind = VALUE_NEGATIVE;
    out->as.negative = number;
    return 0;
}

#define decode_callback_uint8(user, n, out)  decode_callback_uint64(user, n, out)
#define decode_callback_uint16(user, n, out) decode_callback_uint64(user, n, out)
#define decode_callback_uint32(user, n, out) decode_callback_uint64(user, n, out)
#define decode_callback_int8(user, n, out)   decode_callback_int64(user, n, out)
#define decode_callback_int16(user, n, out)  decode_callback_int64(user, n, out)
#define decode_callback_int32(user, n, out)  decode_callback_int64(user, n, out)

static inline int decode_callback_other(struct value *out)
{
    out->kind = VALUE_OTHER;
    return 0;
}

#define decode_callback_float(user, n, out)           decode_callback_other(out)
#define decode_callback_double(user, n, out)          decode_callback_other(out)
#define decode_callback_nil(user, out)                decode_callback_other(out)
#define decode_callback_ext(user, base, at, len, out) decode_callback_other(out)

static inline int decode_callback_bool(struct value *out, bool flag)
{
    out->kind = VALUE_BOOL;
    out->as.flag = flag;
    return 0;
}

#define decode_callback_true(user, out)  decode_callback_bool(out, true)
#define decode_callback_false(user, out) decode_callback_bool(out, false)

static inline int decode_callback_str(struct decoding **user, const char *base, const char *at,
                                      unsigned int len, struct value *out)
{
    out->kind = VALUE_BYTES;
    out->as.bytes = at;
    out->len = len;
    return 0;
}

#define decode_callback_bin(user, base, at, len, out) decode_callback_str(user, base, at, len, out)

/* Between the type and the end of what stands for the fields. */
static bool decode_expects_body(const struct decoding *decoding)
{
    return decoding->root_items == 1 && !decoding->has_body;
}

static int decode_body_missing(struct decoding *decoding)
{
    return DECODE_FAIL(decoding, CT_E_BAD_MESSAGE,
                       "message \"%s\": no map of fields follows the type", decoding->layout->name);
}

static inline int decode_callback_array(struct decoding **user, unsigned int count,
                                        struct value *out)
{
    struct decoding *decoding = *user;

    if (decode_expects_body(decoding))
        return decode_body_missing(decoding);
    out->kind = decoding->has_root ? VALUE_OTHER : VALUE_ROOT;
    decoding->has_root = true;
    return 0;
}

static inline int decode_callback_map(struct decoding **user, unsigned int count, struct value *out)
{
    struct decoding *decoding = *user;

    out->kind = VALUE_OTHER;
    if (decode_expects_body(decoding)) {
        decoding->has_body = true;
        out->kind = VALUE_BODY;
    }
    return 0;
}

static inline int decode_callback_array_item(struct decoding **user, struct value *array,
                                             struct value item)
{
    struct decoding *decoding = *user;

    if (array->kind != VALUE_ROOT)
        return 0;
    decoding->root_items++;
    if (decoding->root_items == 1)
        return decode_type(decoding, item);
    if (decoding->root_items == 2 && item.kind != VALUE_BODY)
        return decode_body_missing(decoding);
    return 0;
}

static inline int decode_callback_map_item(struct decoding **user, struct value *map,
                                           struct value key, struct value value)
{
    return map->kind == VALUE_BODY ? decode_field(*user, key, value) : 0;
}

#define msgpack_unpack_struct(name)    struct decode_parser##name
#define msgpack_unpack_func(ret, name) static inline ret decode_parser##name
#define msgpack_unpack_callback(name)  decode_callback##name
#define msgpack_unpack_object          struct value
#define msgpack_unpack_user            struct decoding *
#include <msgpack/unpack_template.h>

static enum ct_code decode_missing(const struct decoding *decoding)
{
    const struct proto_layout *layout = decoding->layout;
    unsigned number = 1;

    while (!(layout->required & ~decoding->seen & (UINT64_C(1) << number)))
        number++;
    return ct_error_set(decoding->err, CT_E_BAD_MESSAGE,
                        "message \"%s\": field \"%s\" (%u) is missing", layout->name,
                        layout->fields[number].name, number);
}

enum ct_code proto_decode(struct ct_str payload, struct proto_message *out, struct ct_error *err)
{
    struct proto_message message;
    struct decoding decoding = {.out = &message, .err = err};
    struct decode_parser_context parser;
    size_t used = 0;

    parser.user = &decoding;
    decode_parser_init(&parser);
    int rc = decode_parser_execute(&parser, payload.len ? payload.data : "", payload.len, &used);
    const char *name = decoding.layout ? decoding.layout->name : "?";
    if (rc == DECODE_STOP)
        return decoding.rc;
    if (rc == MSGPACK_UNPACK_NOMEM_ERROR)
        return ct_error_set(err, CT_E_BAD_MESSAGE, "message \"%s\": nested over %d deep", name,
                            MSGPACK_EMBED_STACK_SIZE);
    if (rc < 0)
        return ct_error_set(err, CT_E_BAD_MESSAGE, "message \"%s\": broken msgpack at byte %zu",
                            name, used);
    if (rc == 0)
        return ct_error_set(err, CT_E_BAD_MESSAGE, "message \"%s\": ends too early, at byte %zu",
                            name, payload.len);
    if (used != payload.len)
        return ct_error_set(err, CT_E_BAD_MESSAGE, "message \"%s\": %zu bytes too many at its end",
                            name, payload.len - used);
    if (!decoding.has_body)
        return ct_error_set(err, CT_E_BAD_MESSAGE,
                            "not a message: it should be an array of type and fields");
    if (decoding.layout->required & ~decoding.seen)
        return decode_missing(&decoding);
    out->type = message.type;
    memcpy(&out->as, &message.as, decoding.layout->size);
    return CT_E_OK;
}
