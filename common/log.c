/* Log lines. Called by every program, from its loop and from job threads; one write(2) a line, so
 * that lines of several threads and processes never mix. A line nobody can take is dropped: a log
 * must never hold a job up. */
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096 /* PIPE_BUF: so many bytes go into a pipe as one piece */
#define LOG_WAIT_MS  20   /* for a reader of our pipe that is behind */

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

static enum ct_log_level log_least = CT_LOG_INFO;
static char log_program[64];
static int log_fd = STDERR_FILENO;

struct log_line {
    size_t len;
    char text[LOG_LINE_MAX];
};

void ct_log_setup(enum ct_log_level level, const char *program)
{
    log_least = level;
    snprintf(log_program, sizeof log_program, "%s", program ? program : "");
}

enum ct_code ct_log_level_parse(const char *text, enum ct_log_level *out, struct ct_error *err)
{
    for (int level = CT_LOG_DEBUG; level <= CT_LOG_ERROR; level++) {
        if (strcmp(text, log_level_names[level]) == 0) {
            *out = (enum ct_log_level)level;
            return CT_E_OK;
        }
    }
    return ct_error_set(err, CT_E_USAGE,
                        "'%.40s' is not a log level: use debug, info, warn or error", text);
}

int ct_log_is_on(enum ct_log_level level)
{
    return level >= log_least;
}

void ct_log_to(int fd)
{
    log_fd = fd;
}

/* A piece goes in whole or not at all, and the last byte stays free for the line break. */
static bool line_add(struct log_line *line, const char *bytes, size_t len)
{
    if (len > sizeof line->text - 1 - line->len)
        return false;
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool value_is_plain(struct ct_str value)
{
    if (value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static bool line_add_escaped(struct log_line *line, struct ct_str value)
{
    bool fits = line_add(line, "\"", 1);

    for (size_t at = 0; fits && at < value.len;) {
        unsigned char c = (unsigned char)value.data[at];
        size_t len = ct_str_utf8_len(value, at);
        char escape[8];

        if (c == '"' || c == '\\')
            fits = line_add(line, escape, (size_t)snprintf(escape, sizeof escape, "\\%c", c));
        else if (c == '\n')
            fits = line_add(line, "\\n", 2);
        else if (len == 0 || c < ' ' || c == 0x7F)
            fits = line_add(line, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", c));
        else
            fits = line_add(line, value.data + at, len);
        at += len ? len : 1;
    }
    return fits && line_add(line, "\"", 1);
}

static bool line_add_value(struct log_line *line, struct ct_str value)
{
    if (value.len <= CT_LOG_VALUE_MAX)
        return value_is_plain(value) ? line_add(line, value.data, value.len)
                                     : line_add_escaped(line, value);

    /* Cut in front of a character, not within. */
    size_t cut = CT_LOG_VALUE_MAX;
    while (cut > CT_LOG_VALUE_MAX - 4 && ((unsigned char)value.data[cut] & 0xC0) == 0x80)
        cut--;
    return line_add_escaped(line, (struct ct_str){value.data, cut}) && line_add(line, "...", 3);
}

static bool line_add_field(struct log_line *line, struct ct_log_field field)
{
    char number[24];
    size_t before = line->len;
    bool fits = line_add(line, " ", line->len > 0 ? 1 : 0) &&
                line_add(line, field.key, strlen(field.key)) && line_add(line, "=", 1);

    if (fits && field.text)
        fits = line_add_value(line, (struct ct_str){field.text, field.len});
    else if (fits)
        fits = line_add(line, number,
                        (size_t)snprintf(number, sizeof number, "%" PRId64, field.number));
    if (!fits)
        line->len = before;
    return fits;
}

/* Whoever reads our pipe may have stopped to: then a write would never return. A pipe that is ready
 * has room for LOG_LINE_MAX. A slow reader is waited for a moment, but not again at every line. */
static bool log_can_write(void)
{
    static atomic_bool is_stuck;
    struct pollfd fd = {.fd = log_fd, .events = POLLOUT};
    int ready;

    do {
        ready = poll(&fd, 1, atomic_load(&is_stuck) ? 0 : LOG_WAIT_MS);
    } while (ready < 0 && errno == EINTR);
    atomic_store(&is_stuck, ready == 0);
    return ready > 0;
}

static void log_put(const struct log_line *line)
{
    ssize_t written;

    do {
        written = write(log_fd, line->text, line->len);
    } while (written < 0 && errno == EINTR);
}

void ct_log_write(enum ct_log_level level, const char *message, const struct ct_log_field *fields,
                  size_t count)
{
    struct log_line line = {.len = 0};
    int saved_errno = errno; /* callers log in the middle of reading it */

    if (log_program[0])
        line_add_field(&line, CT_STR("program", log_program));
    line_add_field(&line, CT_STR("level", log_level_names[level]));
    line_add_field(&line, CT_STR("msg", message));
    for (size_t i = 0; i < count; i++)
        line_add_field(&line, fields[i]);
    line.text[line.len++] = '\n';

    if (log_can_write())
        log_put(&line);
    errno = saved_errno;
}

void ct_log_pass(struct ct_str text)
{
    struct log_line line = {.len = 0};

    if (!line_add(&line, text.data, text.len))
        line_add(&line, text.data, sizeof line.text - 1);
    line.text[line.len++] = '\n';
    if (log_can_write())
        log_put(&line);
}
