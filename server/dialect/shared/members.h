/* The members of JSON text one by one, as slices of it: reading a job's options must not cost a
 * tree for every job. The text must have passed ct_json_check. */
#ifndef DIALECT_SHARED_MEMBERS_H
#define DIALECT_SHARED_MEMBERS_H

#include "common/str.h"

#define MEMBER_NAME_MAX 63 /* longer names read as "" */

struct members {
    struct ct_str text;
    size_t at;
    char name[MEMBER_NAME_MAX + 1]; /* of the last member of an object */
    struct ct_str value;            /* of the last member: its JSON text */
};

/* False when the text is no object. */
bool members_begin_object(struct members *members, struct ct_str text);
/* False when it is no array. */
bool members_begin_array(struct members *members, struct ct_str text);
/* Moves to the next one; false at the end. */
bool members_next(struct members *members);

/* The value of the last member with this name; CT_STR_NONE when there is none. */
struct ct_str members_find(struct ct_str text, const char *name);

/* A JSON string's meaning as fresh memory, NULL when `json` is no string or holds a NUL. */
char *members_string(struct ct_str json);
/* A JSON value read as JavaScript's Number() would read a number or numeric text; NaN otherwise. */
double members_number(struct ct_str json);
/* The text without blanks around it. */
struct ct_str members_trim(struct ct_str text);

#endif
