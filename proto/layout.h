/* The table behind the codec, made from messages.def: where each field of each message lies in its
 * struct. Called by codec.c only; knows nothing of msgpack. */
#ifndef CT_PROTO_LAYOUT_H
#define CT_PROTO_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proto_kind { PROTO_IS_U64, PROTO_IS_I64, PROTO_IS_BOOL, PROTO_IS_BYTES };

struct proto_field {
    const char *name; /* NULL: no field has this number */
    enum proto_kind kind;
    bool is_optional;
    uint16_t offset;
    uint16_t has_offset; /* of the has_ member; optional fields only */
};

struct proto_layout {
    const char *name; /* NULL: no message has this number */
    const struct proto_field *fields;
    unsigned field_max; /* fields[0 .. field_max] by number */
    uint64_t required;  /* bit n: field n */
    size_t size;        /* of the message's struct */
};

/* NULL for a number that no message has. */
const struct proto_layout *proto_layout_find(uint64_t type);

/* "an unsigned integer", ...: what a value of this kind is, for error details. */
const char *proto_kind_name(enum proto_kind kind);

#endif
