/* Reading a job's data (or any JSON object) member by member, with errors that name the member.
 *
 * A reader keeps the first error and lets all later reads pass with their fallbacks, so that a
 * function reads all it needs and asks once, at the end, with sdk_reader_ok. Values are borrowed
 * from the JSON that is read. Errors are permanent ("ValidationError"): the same data fails again.
 *
 *   struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
 *   const char *subject = sdk_text(&in, "subject", SDK_REQUIRED, 998);
 *   int64_t width = sdk_integer(&in, "width", 0, 1, 16384);
 *   if (!sdk_reader_ok(&in)) return false; */
#ifndef CARTRITA_SDK_JSON_H
#define CARTRITA_SDK_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

#define SDK_READER_PATH_MAX 160u

/* As the fallback of a text: it must be there. */
extern const char sdk_required[];
#define SDK_REQUIRED sdk_required

struct sdk_reader {
    const json_t *object;           /* borrowed; NULL reads as empty */
    struct sdk_error *error;        /* borrowed */
    bool is_failed;                 /* `error` is set */
    char path[SDK_READER_PATH_MAX]; /* "data.attachments[2]" */
};

/* What is no object fails at once; NULL does not (all is absent). `path` may be built: see at. */
struct sdk_reader sdk_reader(const json_t *object, const char *path, struct sdk_error *error);

/* The same for member `name` (absent: empty) of what `parent` reads. A failure in it is not seen by
 * the parent: ask both. */
struct sdk_reader sdk_reader_in(struct sdk_reader *parent, const char *name);
/* The same for item `index` of an array that is the member `name`. */
struct sdk_reader sdk_reader_at(struct sdk_reader *parent, const char *name, size_t index);

bool sdk_reader_ok(const struct sdk_reader *reader);
/* A complaint of one's own, "PATH.NAME: TEXT", when none came before; returns false. */
bool sdk_reader_refuse(struct sdk_reader *reader, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Refuses members that are none of `names` (ends with NULL), and says which was meant. */
bool sdk_reader_only(struct sdk_reader *reader, const char *const *names);

/* A complaint when member `name` is absent or null; returns false then. */
bool sdk_reader_need(struct sdk_reader *reader, const char *name);

/* Absent and null give the fallback; another type, a text longer than max_len bytes (0: any), or a
 * number out of range is an error. Texts hold no NUL. */
bool sdk_has(const struct sdk_reader *reader, const char *name); /* present and not null */
const char *sdk_text(struct sdk_reader *reader, const char *name, const char *fallback,
                     size_t max_len);
int64_t sdk_integer(struct sdk_reader *reader, const char *name, int64_t fallback, int64_t min,
                    int64_t max);
double sdk_number(struct sdk_reader *reader, const char *name, double fallback, double min,
                  double max);
bool sdk_boolean(struct sdk_reader *reader, const char *name, bool fallback);
/* A text that is one of `choices` (ends with NULL): its index; `fallback` (an index, or -1) when it
 * is absent. */
int sdk_choice(struct sdk_reader *reader, const char *name, const char *const *choices,
               int fallback);
/* NULL when absent. max_items 0: any number. */
const json_t *sdk_object(struct sdk_reader *reader, const char *name);
const json_t *sdk_array(struct sdk_reader *reader, const char *name, size_t max_items);
/* Any value; NULL when absent. */
const json_t *sdk_any(struct sdk_reader *reader, const char *name);

#endif
