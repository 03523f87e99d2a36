/* Forms, colours and moments; see the header. */
#include "q/look.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "q/text.h"

const char *const look_outputs[] = {"table", "json", "jsonl", "none", NULL};
const char *const look_colors[] = {"auto", "always", "never", NULL};
const char *const look_times[] = {"relative", "iso", "ms", NULL};

/* What was typed beats NO_COLOR, as no-color.org asks for. */
static bool wants_color(enum look_color wish)
{
    const char *refusal = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (wish != COLOR_AUTO)
        return wish == COLOR_ALWAYS;
    return isatty(STDOUT_FILENO) && !(refusal && *refusal) && terminal && *terminal &&
           strcmp(terminal, "dumb") != 0;
}

void look_init(struct look *look, const struct look_settings *settings)
{
    *look = (struct look){
        .output = (enum look_output)settings->output,
        .time = (enum look_time)settings->time,
        .has_color = wants_color((enum look_color)settings->color),
        .width = print_width(stdout),
        .now_ms = ct_wall_ms(&ct_clock_system),
    };
}

static void append_relative(const struct look *look, struct ct_buf *buf, int64_t at_ms)
{
    int64_t ago_ms = look->now_ms - at_ms;

    if (ago_ms <= -1000)
        ct_buf_printf(buf, "in ");
    text_append_span(buf, ago_ms);
    if (ago_ms >= 1000)
        ct_buf_printf(buf, " ago");
}

/* False when the year does not fit in a calendar. */
static bool append_iso(struct ct_buf *buf, int64_t at_ms)
{
    int64_t ms = at_ms % 1000 < 0 ? at_ms % 1000 + 1000 : at_ms % 1000;
    time_t seconds = (time_t)((at_ms - ms) / 1000);
    struct tm utc;
    char text[64];

    if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return false;
    ct_buf_printf(buf, "%s.%03dZ", text, (int)ms);
    return true;
}

void look_append_moment(const struct look *look, struct ct_buf *buf, int64_t at_ms)
{
    if (look->time == TIME_RELATIVE)
        append_relative(look, buf, at_ms);
    else if (look->time == TIME_MS || !append_iso(buf, at_ms))
        ct_buf_append_int(buf, at_ms);
}

void look_append_moment_long(const struct look *look, struct ct_buf *buf, int64_t at_ms)
{
    if (look->time != TIME_RELATIVE || !append_iso(buf, at_ms)) {
        look_append_moment(look, buf, at_ms);
        return;
    }
    ct_buf_printf(buf, " (");
    append_relative(look, buf, at_ms);
    ct_buf_append_char(buf, ')');
}

enum print_style look_state_style(struct ct_str state)
{
    static const struct {
        const char *state;
        enum print_style style;
    } styles[] = {
        {"failed", PRINT_BAD},    {"stuck", PRINT_BAD},      {"crashLoop", PRINT_BAD},
        {"dying", PRINT_BAD},     {"completed", PRINT_GOOD}, {"running", PRINT_GOOD},
        {"ready", PRINT_GOOD},    {"active", PRINT_BUSY},    {"starting", PRINT_BUSY},
        {"delayed", PRINT_LATER}, {"draining", PRINT_LATER}, {"paused", PRINT_HELD},
        {"stopped", PRINT_FAINT}, {"down", PRINT_FAINT},
    };

    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        if (ct_str_is(state, styles[i].state))
            return styles[i].style;
    }
    return PRINT_PLAIN;
}
