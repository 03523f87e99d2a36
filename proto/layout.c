/* Makes the table from messages.def. Constant data; called by codec.c. */
#include "proto/layout.h"

#include "proto/codec.h"

#define HAS_OFFSET_REQUIRED(message, field) 0
#define HAS_OFFSET_OPTIONAL(message, field) offsetof(struct proto_##message, has_##field)
#define IS_OPTIONAL_REQUIRED                false
#define IS_OPTIONAL_OPTIONAL                true
#define REQUIRED_BIT_REQUIRED(number)       (UINT64_C(1) << (number))
#define REQUIRED_BIT_OPTIONAL(number)       UINT64_C(0)

/* clang-format takes half an initializer for a statement. */
/* clang-format off */
#define MESSAGE(NAME, name, number) static const struct proto_field name##_fields[] = {
#define FIELD(message, number, kind, field, need)                                                 \
    [number] = {#field, PROTO_IS_##kind, IS_OPTIONAL_##need,                                      \
                offsetof(struct proto_##message, field), HAS_OFFSET_##need(message, field)},
#define END(NAME, name) };
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

/* Presence is kept in the bits of 64, counted from field 1. */
#define MESSAGE(NAME, name, number)
#define FIELD(message, number, kind, field, need)                                                 \
    _Static_assert((number) >= 1 && (number) < 64, #message "." #field);
#define END(NAME, name)
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END

static const struct proto_layout layouts[] = {
#define MESSAGE(NAME, message, number)                                                            \
    [number] = {.name = #message,                                                                 \
                .fields = message##_fields,                                                       \
                .field_max = sizeof message##_fields / sizeof message##_fields[0] - 1,            \
                .size = sizeof(struct proto_##message),                                           \
                .required = UINT64_C(0)
#define FIELD(message, number, kind, field, need) | REQUIRED_BIT_##need(number)
#define END(NAME, name) },
#include "proto/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
};
/* clang-format on */

const struct proto_layout *proto_layout_find(uint64_t type)
{
    if (type >= sizeof layouts / sizeof layouts[0] || !layouts[type].name)
        return NULL;
    return &layouts[type];
}

const char *proto_type_name(enum proto_type type)
{
    const struct proto_layout *layout = proto_layout_find((uint64_t)type);

    return layout ? layout->name : NULL;
}

const char *proto_kind_name(enum proto_kind kind)
{
    switch (kind) {
    case PROTO_IS_U64:
        return "an unsigned integer";
    case PROTO_IS_I64:
        return "an integer of 64 bits";
    case PROTO_IS_BOOL:
        return "a boolean";
    case PROTO_IS_BYTES:
        break;
    }
    return "a string";
}
