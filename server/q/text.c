/* Escapes, widths and spans; see the header. Widths are those of the C library's Unicode tables. */
#include "q/text.h"

#include <stdio.h>
#include <wchar.h>

#include "common/json.h"

#define ELLIPSIS    "\xe2\x80\xa6" /* one column */
#define ESCAPE_SIZE 16             /* bytes of the longest escape, with room */

static uint32_t decode(const char *bytes, size_t len)
{
    const unsigned char *b = (const unsigned char *)bytes;

    switch (len) {
    case 1:
        return b[0];
    case 2:
        return (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu);
    case 3:
        return (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    default:
        return (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
    }
}

/* Steers a terminal, or shows text in another order than it is in. */
static bool is_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static int escape(char out[ESCAPE_SIZE], uint32_t c)
{
    switch (c) {
    case '\n':
        return snprintf(out, ESCAPE_SIZE, "\\n");
    case '\r':
        return snprintf(out, ESCAPE_SIZE, "\\r");
    case '\t':
        return snprintf(out, ESCAPE_SIZE, "\\t");
    default:
        return snprintf(out, ESCAPE_SIZE, c < 0x100 ? "\\x%02x" : "\\u{%x}", c);
    }
}

/* One character of `text` as it is shown: *piece and its bytes, columns; returns bytes consumed. */
static size_t next_shown(struct ct_str text, size_t at, char escaped[ESCAPE_SIZE],
                         struct ct_str *piece, size_t *columns)
{
    size_t len = ct_str_utf8_len(text, at);
    uint32_t c = len ? decode(text.data + at, len) : (unsigned char)text.data[at];
    int width = len && !is_harmful(c) ? wcwidth((wchar_t)c) : -1;

    if (width < 0) {
        int escaped_len = escape(escaped, c);
        *piece = (struct ct_str){escaped, (size_t)escaped_len};
        *columns = piece->len;
        return len ? len : 1;
    }
    *piece = (struct ct_str){text.data + at, len};
    *columns = (size_t)width;
    return len;
}

size_t text_append_shown(struct ct_buf *buf, struct ct_str text, size_t columns)
{
    char escaped[ESCAPE_SIZE];
    struct ct_str piece;
    size_t used = 0, width;
    size_t fit_len = 0, fit_used = 0; /* what stays when an ellipsis must still fit */
    size_t start_len = buf->len;

    for (size_t at = 0; at < text.len;) {
        at += next_shown(text, at, escaped, &piece, &width);
        if (used + width > columns) {
            buf->len = start_len + fit_len;
            if (columns == 0)
                return 0;
            ct_buf_append(buf, ELLIPSIS, sizeof ELLIPSIS - 1);
            return fit_used + 1;
        }
        ct_buf_append_str(buf, piece);
        used += width;
        if (used < columns) {
            fit_len = buf->len - start_len;
            fit_used = used;
        }
    }
    return used;
}

static void append_json_escape(struct ct_buf *buf, uint32_t c)
{
    ct_buf_printf(buf, "\\u%04x", c);
}

/* Copies `text`, with harmful characters and foreign bytes escaped as JSON strings write them. */
static void append_json_safe(struct ct_buf *buf, struct ct_str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = ct_str_utf8_len(text, at);
        uint32_t c = len ? decode(text.data + at, len) : 0;

        if (len == 0) {
            append_json_escape(buf, 0xdc00u + (unsigned char)text.data[at]);
            len = 1;
        } else if (is_harmful(c)) {
            append_json_escape(buf, c);
        } else {
            ct_buf_append(buf, text.data + at, len);
        }
        at += len;
    }
}

void text_append_json_string(struct ct_buf *buf, struct ct_str text)
{
    size_t from = 0;

    ct_buf_append_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char *named = NULL;

        switch (text.data[i]) {
        case '"':
            named = "\\\"";
            break;
        case '\\':
            named = "\\\\";
            break;
        case '\n':
            named = "\\n";
            break;
        case '\r':
            named = "\\r";
            break;
        case '\t':
            named = "\\t";
            break;
        default:
            continue;
        }
        append_json_safe(buf, (struct ct_str){text.data + from, i - from});
        ct_buf_append(buf, named, 2);
        from = i + 1;
    }
    append_json_safe(buf, (struct ct_str){text.data + from, text.len - from});
    ct_buf_append_char(buf, '"');
}

bool text_append_json(struct ct_buf *buf, struct ct_str text)
{
    struct ct_buf line;

    if (ct_json_check(text, NULL) != CT_E_OK) {
        text_append_json_string(buf, text);
        return false;
    }
    ct_buf_init(&line);
    ct_json_append_one_line(&line, text);
    /* Inside of strings a tab is escaped: each raw one is a blank between tokens, while any other
     * harmful character stands in a string and may be escaped there. */
    for (size_t i = 0; i < line.len; i++) {
        if (ct_buf_data(&line)[i] == '\t')
            ct_buf_data(&line)[i] = ' ';
    }
    append_json_safe(buf, ct_buf_str(&line));
    ct_buf_free(&line);
    return true;
}

void text_append_span(struct ct_buf *buf, int64_t ms)
{
    int64_t seconds = (ms < 0 ? -(ms + 1) : ms) / 1000;

    if (seconds < 1)
        ct_buf_printf(buf, "now");
    else if (seconds < 120)
        ct_buf_printf(buf, "%d s", (int)seconds);
    else if (seconds < 120 * 60)
        ct_buf_printf(buf, "%d min", (int)(seconds / 60));
    else if (seconds < 48 * 3600)
        ct_buf_printf(buf, "%d h", (int)(seconds / 3600));
    else
        ct_buf_printf(buf, "%lld d", (long long)(seconds / 86400));
}

void text_append_duration(struct ct_buf *buf, int64_t ms)
{
    if (ms < 1000)
        ct_buf_printf(buf, "%lld ms", (long long)ms);
    else if (ms < 10000)
        ct_buf_printf(buf, "%.1f s", (double)ms / 1000);
    else
        text_append_span(buf, ms);
}

void text_append_bytes(struct ct_buf *buf, int64_t bytes)
{
    if (bytes < 1 << 20)
        ct_buf_printf(buf, "%lld KiB", (long long)(bytes >> 10));
    else if (bytes < INT64_C(10) << 30)
        ct_buf_printf(buf, "%lld MiB", (long long)(bytes >> 20));
    else
        ct_buf_printf(buf, "%.1f GiB", (double)bytes / (1 << 30));
}
