/* Windows of time, in UTC. See window.h. */
#include "aggregate/window.h"

#include <inttypes.h>

#include "query/query.h"

#define WINDOW_DUE_MS_MAX 253402300799999 /* the end of the year 9999 */

static const char *const window_words[] = {"minute", "hour", "day", NULL};
static const int64_t window_ms[] = {60 * 1000, 60 * 60 * 1000, 24 * 60 * 60 * 1000};

static bool window_time(struct sdk_reader *data, const char *name, int64_t *ms)
{
    const json_t *value = sdk_any(data, name);

    if (!value)
        return sdk_reader_refuse(data, name, "is missing: say from and to, or window");
    return query_time_parse(value, ms) ||
           sdk_reader_refuse(data, name,
                             "must be a time: ISO 8601 text, or milliseconds since 1970");
}

static int64_t window_floor(int64_t ms, int64_t step_ms)
{
    int64_t rest = ms % step_ms;

    return ms - (rest < 0 ? rest + step_ms : rest);
}

bool windows_read(struct sdk_reader *data, int64_t due_ms, int64_t windows_max, struct windows *out)
{
    int word = sdk_choice(data, "window", window_words, -1);
    int64_t count;

    *out = (struct windows){.step_ms = word >= 0 ? window_ms[word] : 0};
    if (!sdk_reader_ok(data))
        return false;
    if (word >= 0 && !sdk_has(data, "from") && !sdk_has(data, "to")) {
        if (due_ms < 0 || due_ms > WINDOW_DUE_MS_MAX)
            return sdk_reader_refuse(data, "from",
                                     "is missing, and the job was due at %" PRId64
                                     " ms since 1970, which is no time of use: say from and to",
                                     due_ms);
        out->to_ms = window_floor(due_ms, out->step_ms);
        out->from_ms = out->to_ms - out->step_ms;
        return true;
    }
    if (!window_time(data, "from", &out->from_ms) || !window_time(data, "to", &out->to_ms))
        return false;
    if (out->to_ms <= out->from_ms)
        return sdk_reader_refuse(data, "to", "must be later than from");
    if (word < 0)
        return true;
    if (out->from_ms % out->step_ms != 0 || out->to_ms % out->step_ms != 0)
        return sdk_reader_refuse(data, "from", "and to must be the beginning of a %s (UTC)",
                                 window_words[word]);
    count = (out->to_ms - out->from_ms) / out->step_ms;
    return count <= windows_max ||
           sdk_reader_refuse(data, "to",
                             "is %" PRId64 " windows behind from, over the limit of %" PRId64
                             " (windowsMax)",
                             count, windows_max);
}

int64_t windows_end(const struct windows *windows, int64_t from_ms)
{
    return windows->step_ms ? from_ms + windows->step_ms : windows->to_ms;
}
