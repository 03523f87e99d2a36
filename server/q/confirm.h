/* Before something is changed: says how much, shows what --dry-run is for, asks. Called by every
 * command that changes many things at once or that cannot be taken back; changes nothing itself. */
#ifndef Q_CONFIRM_H
#define Q_CONFIRM_H

#include "common/buf.h"
#include "common/error.h"
#include "common/option.h"

struct confirm_settings {
    bool is_dry, is_yes; /* only tell; do not ask */
};

/* Rows of an option table; `field` is a struct confirm_settings in `type`. `group_text`: the
 * heading they begin, NULL: they follow others. */
#define CONFIRM_OPTIONS(type, field, group_text)                      \
    {.name = "dry-run",                                               \
     .kind = CT_OPTION_BOOL,                                          \
     .offset = offsetof(type, field.is_dry),                          \
     .group = group_text,                                             \
     .help = "Only count them and say what would be done."},          \
    {                                                                 \
        .name = "yes", .letter = 'y', .kind = CT_OPTION_BOOL,         \
        .offset = offsetof(type, field.is_yes), .help = "Do not ask." \
    }

/* Says `what` (emptied; foreign text is made safe) on standard error and asks whether to go on,
 * unless there is nothing to do (`count` 0). *is_go: do it. Errors: USAGE, nobody can be asked;
 * CANCELLED: the answer was no. */
enum ct_code confirm(const struct confirm_settings *settings, int64_t count, struct ct_buf *what,
                     bool *is_go, struct ct_error *err) CT_MUST_CHECK;

/* A line on standard error with texts that others wrote, made safe; `line` is emptied. */
void confirm_say(struct ct_buf *line);

#endif
