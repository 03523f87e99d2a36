/* How output looks: the options that every command has for it, and what they come to on this
 * terminal. Called by view.c and the commands. */
#ifndef Q_LOOK_H
#define Q_LOOK_H

#include "common/option.h"
#include "q/print.h"

enum look_output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_NONE };
enum look_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum look_time { TIME_RELATIVE, TIME_ISO, TIME_MS };

extern const char *const look_outputs[], *const look_colors[], *const look_times[];

struct look_settings {
    int output; /* enum look_output */
    int color;  /* enum look_color */
    int time;   /* enum look_time */
};

/* Rows of an option table; `field` is a struct look_settings in `type`. */
#define LOOK_OPTIONS(type, field)                                                                 \
    {.name = "output",                                                                            \
     .letter = 'o',                                                                               \
     .kind = CT_OPTION_ENUM,                                                                      \
     .offset = offsetof(type, field.output),                                                      \
     .choices = look_outputs,                                                                     \
     .fallback = "table",                                                                         \
     .group = "Output",                                                                           \
     .help = "A table for people; for programs JSON, one whole or an object a line; or nothing, " \
             "only the exit status."},                                                            \
        {.name = "color",                                                                         \
         .kind = CT_OPTION_ENUM,                                                                  \
         .offset = offsetof(type, field.color),                                                   \
         .choices = look_colors,                                                                  \
         .fallback = "auto",                                                                      \
         .help = "Colours in tables; auto: on a terminal, unless NO_COLOR is set or TERM is "     \
                 "dumb."},                                                                        \
    {                                                                                             \
        .name = "time", .kind = CT_OPTION_ENUM, .offset = offsetof(type, field.time),             \
        .choices = look_times, .fallback = "relative",                                            \
        .help = "Moments in tables: how long ago, in UTC, or in ms since 1970, as JSON has them." \
    }

struct look {
    enum look_output output;
    enum look_time time;
    bool has_color;
    size_t width;   /* columns of the terminal; 0: it is none */
    int64_t now_ms; /* of the wall clock, when the command began to show */
};

/* What the settings mean for stdout as it is. */
void look_init(struct look *look, const struct look_settings *settings);

/* Appends a moment of the wall clock: "3 min ago", "in 5 s", or as --time says. */
void look_append_moment(const struct look *look, struct ct_buf *buf, int64_t at_ms);
/* The same where there is room: with relative times both "2026-01-31T…Z (3 min ago)". */
void look_append_moment_long(const struct look *look, struct ct_buf *buf, int64_t at_ms);

/* The style for a job's, queue's or runner's state. */
enum print_style look_state_style(struct ct_str state);

#endif
