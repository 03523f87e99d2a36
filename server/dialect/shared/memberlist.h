/* A JSON object as an ordered list of members, for writing options the way JavaScript would: what
 * is replaced keeps its place, what is new goes to the end. Values are compact JSON texts. */
#ifndef DIALECT_SHARED_MEMBERLIST_H
#define DIALECT_SHARED_MEMBERLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "dialect/shared/members.h"

#define MEMBERLIST_MAX      64
#define MEMBERLIST_READ_MAX 48 /* the rest is for what is set after reading */

struct memberlist {
    struct {
        char *name, *value; /* owned; value is JSON */
    } member[MEMBERLIST_MAX];
    uint32_t count;
};

/* Reads `text` (absent: an empty object), which is checked first. The detail names the object as
 * `what`. The caller frees with memberlist_fini, also after a failure. */
enum ct_code memberlist_init(struct memberlist *list, struct ct_str text, const char *what,
                             struct ct_error *err) CT_MUST_CHECK;
void memberlist_fini(struct memberlist *list);
/* TOO_LARGE when memberlist_init would not read what memberlist_append writes. */
enum ct_code memberlist_check(const struct memberlist *list, const char *what,
                              struct ct_error *err) CT_MUST_CHECK;

/* CT_STR_NONE when it is not there. */
struct ct_str memberlist_find(const struct memberlist *list, const char *name);
/* `value` is compact JSON and copied; ignored when the list is full (the reader keeps room). */
void memberlist_set(struct memberlist *list, const char *name, struct ct_str value);
void memberlist_set_number(struct memberlist *list, const char *name, double value);
void memberlist_set_string(struct memberlist *list, const char *name, struct ct_str value);
void memberlist_remove(struct memberlist *list, const char *name);
/* Appends the whole object as JSON. */
void memberlist_append(const struct memberlist *list, struct ct_buf *out);

/* Appends a number as JavaScript prints it. */
void js_append_number(struct ct_buf *out, double number);
/* Appends valid JSON without the blanks between its tokens. */
void js_append_compact(struct ct_buf *out, struct ct_str json);
/* What JavaScript makes text of: strings as they are, numbers, words; false for others. */
bool js_append_text(struct ct_buf *out, struct ct_str json);
/* Whether JavaScript takes it for false; absent counts as undefined. */
bool js_is_falsy(struct ct_str json);

#endif
