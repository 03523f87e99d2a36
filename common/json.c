/* JSON text: the check, and pieces for writing it. Called by proto, server and worker; pure
 * functions that stay silent. Bodies of jobs pass through here, so nothing quotes them. */
#include "common/json.h"

#include <stdlib.h>
#include <string.h>

/* Where the check stands, and which of the open brackets are objects. */
struct json_scan {
    const char *data;
    size_t len, at;
    size_t depth;
    unsigned char is_object[(CT_JSON_DEPTH_MAX + 7) / 8];
    const char *problem; /* set by whoever finds it */
};

static int scan_peek(const struct json_scan *scan)
{
    return scan->at < scan->len ? (unsigned char)scan->data[scan->at] : -1;
}

static bool scan_fail(struct json_scan *scan, const char *problem)
{
    scan->problem = scan->at < scan->len ? problem : "it ends too early";
    return false;
}

static void scan_blanks(struct json_scan *scan)
{
    for (int c = scan_peek(scan); c == ' ' || c == '\t' || c == '\n' || c == '\r';
         c = scan_peek(scan))
        scan->at++;
}

static bool scan_word(struct json_scan *scan, const char *word)
{
    for (; *word; word++, scan->at++) {
        if (scan_peek(scan) != *word)
            return scan_fail(scan, "not a value: text needs quotes");
    }
    return true;
}

static bool scan_digits(struct json_scan *scan)
{
    size_t start = scan->at;

    while (scan_peek(scan) >= '0' && scan_peek(scan) <= '9')
        scan->at++;
    return scan->at > start || scan_fail(scan, "a digit is missing in a number");
}

static bool scan_number(struct json_scan *scan)
{
    if (scan_peek(scan) == '-')
        scan->at++;
    if (scan_peek(scan) == '0')
        scan->at++;
    else if (!scan_digits(scan))
        return false;
    if (scan_peek(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (scan_peek(scan) == 'e' || scan_peek(scan) == 'E') {
        scan->at++;
        if (scan_peek(scan) == '+' || scan_peek(scan) == '-')
            scan->at++;
        return scan_digits(scan);
    }
    return true;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Behind the backslash. Halves of surrogate pairs pass alone too: JSON.stringify writes them. */
static bool scan_escape(struct json_scan *scan)
{
    int c = scan_peek(scan);

    if (c < 0 || !memchr("\"\\/bfnrtu", c, 9))
        return scan_fail(scan, "an escape that JSON does not have");
    scan->at++;
    for (int i = 0; c == 'u' && i < 4; i++, scan->at++) {
        if (hex_value(scan_peek(scan)) < 0)
            return scan_fail(scan, "\\u needs four hexadecimal digits");
    }
    return true;
}

static bool scan_string(struct json_scan *scan)
{
    struct ct_str all = {scan->data, scan->len};

    scan->at++; /* the quote, seen by the caller */
    for (;;) {
        int c = scan_peek(scan);

        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            scan->at++;
            if (!scan_escape(scan))
                return false;
        } else if (c < ' ') {
            return scan_fail(scan, "a control character in a string must be escaped");
        } else {
            size_t len = ct_str_utf8_len(all, scan->at);
            if (len == 0)
                return scan_fail(scan, "not UTF-8");
            scan->at += len;
        }
    }
}

/* "key" : - up to the value. */
static bool scan_key(struct json_scan *scan)
{
    scan_blanks(scan);
    if (scan_peek(scan) != '"')
        return scan_fail(scan, "a key in quotes is missing");
    if (!scan_string(scan))
        return false;
    scan_blanks(scan);
    if (scan_peek(scan) != ':')
        return scan_fail(scan, "':' is missing after a key");
    scan->at++;
    return true;
}

static bool scan_in_object(const struct json_scan *scan)
{
    size_t top = scan->depth - 1;

    return scan->is_object[top / 8] >> (top % 8) & 1;
}

static bool scan_open(struct json_scan *scan, bool is_object)
{
    if (scan->depth == CT_JSON_DEPTH_MAX)
        return scan_fail(scan, "nested too deeply (CT_JSON_DEPTH_MAX)");

    unsigned char bit = (unsigned char)(1u << (scan->depth % 8));
    unsigned char *byte = &scan->is_object[scan->depth / 8];
    *byte = (unsigned char)(is_object ? *byte | bit : *byte & ~bit);
    scan->depth++;
    scan->at++;
    return true;
}

/* One value that is no bracket. */
static bool scan_scalar(struct json_scan *scan)
{
    switch (scan_peek(scan)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    case '-':
    case '0' ... '9':
        return scan_number(scan);
    default:
        return scan_fail(scan, "a value is missing");
    }
}

/* Closes what is complete; true in *is_done when that was the outermost, else a comma was passed
 * (and in an object the next key). */
static bool scan_after_value(struct json_scan *scan, bool *is_done)
{
    for (;;) {
        *is_done = scan->depth == 0;
        if (*is_done)
            return true;
        scan_blanks(scan);
        bool is_object = scan_in_object(scan);
        int c = scan_peek(scan);
        if (c == ',') {
            scan->at++;
            return !is_object || scan_key(scan);
        }
        if (c != (is_object ? '}' : ']'))
            return scan_fail(scan, is_object ? "',' or '}' is missing" : "',' or ']' is missing");
        scan->at++;
        scan->depth--;
    }
}

static bool scan_value(struct json_scan *scan)
{
    bool is_done = false;

    while (!is_done) {
        scan_blanks(scan);
        int c = scan_peek(scan);
        if (c == '{' || c == '[') {
            bool is_object = c == '{';
            if (!scan_open(scan, is_object))
                return false;
            scan_blanks(scan);
            if (scan_peek(scan) != (is_object ? '}' : ']')) {
                if (is_object && !scan_key(scan))
                    return false;
                continue;
            }
            scan->at++;
            scan->depth--;
        } else if (!scan_scalar(scan)) {
            return false;
        }
        if (!scan_after_value(scan, &is_done))
            return false;
    }
    scan_blanks(scan);
    return scan->at == scan->len || scan_fail(scan, "something follows the value");
}

enum ct_code ct_json_check(struct ct_str text, struct ct_error *err)
{
    struct json_scan scan = {.data = text.data, .len = text.len};

    if (scan_value(&scan))
        return CT_E_OK;
    return ct_error_set(err, CT_E_BAD_JSON, "not valid JSON at byte %zu of %zu: %s", scan.at,
                        text.len, scan.problem);
}

static bool is_surrogate_escape(struct ct_str text, size_t at, const char *third)
{
    return text.len - at >= 6 && text.data[at] == '\\' && text.data[at + 1] == 'u' &&
           (text.data[at + 2] | 0x20) == 'd' && strchr(third, text.data[at + 3] | 0x20);
}

/* Valid JSON that jansson refuses: halves of surrogate pairs become U+FFFD, as they would on their
 * way through UTF-8, and whole numbers beyond 64 bits become real ones, as they are in JavaScript.
 */
static void json_append_tamed(struct ct_buf *buf, struct ct_str text)
{
    bool in_string = false;

    for (size_t at = 0; at < text.len;) {
        size_t len = 1;
        char c = text.data[at];

        if (c == '"') {
            in_string = !in_string;
        } else if (in_string && is_surrogate_escape(text, at, "89ab") &&
                   is_surrogate_escape(text, at + 6, "cdef")) {
            len = 12;
        } else if (in_string && is_surrogate_escape(text, at, "89abcdef")) {
            ct_buf_append_str(buf, CT_STR_LIT("\\ufffd"));
            at += 6;
            continue;
        } else if (in_string && c == '\\') {
            len = 2;
        } else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
            int64_t fits;
            while (at + len < text.len && memchr("+-.eE0123456789", text.data[at + len], 15))
                len++;
            struct ct_str number = {text.data + at, len};
            ct_buf_append_str(buf, number);
            if (!memchr(number.data, '.', len) && !memchr(number.data, 'e', len) &&
                !memchr(number.data, 'E', len) && !ct_str_to_int(number, &fits))
                ct_buf_append_str(buf, CT_STR_LIT("e0"));
            at += len;
            continue;
        }
        ct_buf_append(buf, text.data + at, len);
        at += len;
    }
}

enum ct_code ct_json_object(struct ct_str text, json_t **out, struct ct_error *err)
{
    json_error_t problem;
    enum ct_code code = ct_json_check(text, err); /* jansson reads on behind a NUL */

    if (code != CT_E_OK)
        return code;
    json_t *root = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &problem);
    if (!root) {
        struct ct_buf tamed = {0};
        json_append_tamed(&tamed, text);
        root = json_loadb(ct_buf_data(&tamed), tamed.len, JSON_ALLOW_NUL, &problem);
        ct_buf_free(&tamed);
    }
    if (!root)
        return ct_error_set(err, CT_E_BAD_JSON, "cannot be read as a JSON object near byte %d: %s",
                            problem.position, problem.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return ct_error_set(err, CT_E_BAD_JSON, "a JSON object ({...}) is needed here");
    }
    *out = root;
    return CT_E_OK;
}

static void json_append_control(struct ct_buf *buf, unsigned char c)
{
    switch (c) {
    case '\n':
        ct_buf_append_str(buf, CT_STR_LIT("\\n"));
        return;
    case '\r':
        ct_buf_append_str(buf, CT_STR_LIT("\\r"));
        return;
    case '\t':
        ct_buf_append_str(buf, CT_STR_LIT("\\t"));
        return;
    case '\b':
        ct_buf_append_str(buf, CT_STR_LIT("\\b"));
        return;
    case '\f':
        ct_buf_append_str(buf, CT_STR_LIT("\\f"));
        return;
    default:
        ct_buf_printf(buf, "\\u%04x", c);
    }
}

void ct_json_append_string(struct ct_buf *buf, struct ct_str text)
{
    size_t done = 0; /* bytes before `done` are in buf, those up to `at` go as they are */

    ct_buf_append_char(buf, '"');
    for (size_t at = 0; at < text.len;) {
        unsigned char c = (unsigned char)text.data[at];
        size_t len = ct_str_utf8_len(text, at);

        if (len > 0 && c >= ' ' && c != '"' && c != '\\') {
            at += len;
            continue;
        }
        ct_buf_append(buf, text.data + done, at - done);
        if (len == 0) {
            ct_buf_append_str(buf, CT_STR_LIT("\xEF\xBF\xBD"));
        } else if (c < ' ') {
            json_append_control(buf, c);
        } else {
            ct_buf_append_char(buf, '\\');
            ct_buf_append_char(buf, (char)c);
        }
        done = ++at;
    }
    if (text.len > done)
        ct_buf_append(buf, text.data + done, text.len - done);
    ct_buf_append_char(buf, '"');
}

void ct_json_append_one_line(struct ct_buf *buf, struct ct_str json)
{
    size_t done = 0;

    /* Inside strings line breaks are escaped, so each raw one stands between tokens. */
    for (size_t at = 0; at < json.len; at++) {
        if (json.data[at] != '\n' && json.data[at] != '\r')
            continue;
        ct_buf_append(buf, json.data + done, at - done);
        done = at + 1;
    }
    if (json.len > done)
        ct_buf_append(buf, json.data + done, json.len - done);
}
