/* A plugin's settings: a table of names, types and limits, read into a struct in open.
 *
 * What the user gives comes as JSON: typed from a configuration file, as text from --set
 * NAME=VALUE; both are understood. A name that is not in the table, a value that is no such thing
 * or out of range is an error that says what is expected (and which name was meant). */
#ifndef CARTRITA_SDK_SETTINGS_H
#define CARTRITA_SDK_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

enum sdk_setting_kind {
    SDK_SETTING_TEXT,     /* char *, owned; NULL when absent without a fallback */
    SDK_SETTING_SECRET,   /* char *, owned: resolved by sdk_secret_read, and blanked out of texts */
    SDK_SETTING_INTEGER,  /* int64_t */
    SDK_SETTING_NUMBER,   /* double */
    SDK_SETTING_BOOLEAN,  /* bool */
    SDK_SETTING_DURATION, /* int64_t, milliseconds: 1500, "1500ms", "30s", "5m", "2h", "7d" */
    SDK_SETTING_SIZE,     /* int64_t, bytes: 4096, "64k", "10M", "2G" (powers of 1024) */
    SDK_SETTING_CHOICE,   /* int: index in `choices` */
    SDK_SETTING_JSON,     /* json_t *, owned; from --set the text of it; NULL when absent */
};

struct sdk_setting {
    const char *name; /* camelCase */
    enum sdk_setting_kind kind;
    size_t offset;              /* in the struct that is filled */
    const char *fallback;       /* as a user would write it; NULL: zero, NULL */
    int64_t min, max;           /* of numbers; min == max: any */
    const char *const *choices; /* ends with NULL */
    bool is_required;
};

/* Fills `out` by the table of `count` settings. On failure nothing is owned by `out`. */
bool sdk_settings_read(const char *config, const struct sdk_setting *table, size_t count, void *out,
                       struct sdk_error *error);
/* Frees what `out` owns. */
void sdk_settings_free(const struct sdk_setting *table, size_t count, void *out);

#endif
