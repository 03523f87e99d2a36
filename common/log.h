/* One line an event on stderr:
 *   level=warn msg="lease expired" queue=mail job=81 held_ms=30004
 * The message is constant, what varies is a field. error: someone must act; warn: we coped; info:
 * life of the process; debug: state moves. Never job bodies or secrets. Values are quoted and
 * escaped as needed and cut at CT_LOG_VALUE_MAX bytes. */
#ifndef CT_COMMON_LOG_H
#define CT_COMMON_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

#define CT_LOG_VALUE_MAX 512

enum ct_log_level { CT_LOG_DEBUG, CT_LOG_INFO, CT_LOG_WARN, CT_LOG_ERROR };

struct ct_log_field {
    const char *key;
    const char *text; /* NULL: an integer */
    size_t len;
    int64_t number;
};

static inline struct ct_log_field ct_log_text(const char *key, const char *text, size_t len)
{
    return (struct ct_log_field){key, text ? text : "", text ? len : 0, 0};
}

static inline struct ct_log_field ct_log_chars(const char *key, const char *text)
{
    return ct_log_text(key, text, text ? strlen(text) : 0);
}

/* What a field may hold; a NULL is written as an empty value. */
#define CT_STR(key, value)    ct_log_chars(key, value)
#define CT_BYTES(key, string) ct_log_text(key, (string).data, (string).len)
#define CT_INT(key, value)    ((struct ct_log_field){key, NULL, 0, (int64_t)(value)})
#define CT_ERR(err) \
    ct_log_chars("error", (err)->detail[0] ? (err)->detail : ct_error_text((err)->code))

/* Set once at start: the least level that is written, and a name put first on each line. */
void ct_log_setup(enum ct_log_level level, const char *program);
/* Lines go to this file instead of stderr; it is not closed. */
void ct_log_to(int fd);
/* A whole line of another process, without its end, as it is. */
void ct_log_pass(struct ct_str text);
/* "debug" | "info" | "warn" | "error". */
enum ct_code ct_log_level_parse(const char *text, enum ct_log_level *out, struct ct_error *err);
int ct_log_is_on(enum ct_log_level level);

void ct_log_write(enum ct_log_level level, const char *message, const struct ct_log_field *fields,
                  size_t count);

#define CT_LOG(level, message, ...)                                                          \
    do {                                                                                     \
        if (ct_log_is_on(level)) {                                                           \
            const struct ct_log_field ct_fields[] = {__VA_ARGS__};                           \
            ct_log_write(level, message, ct_fields, sizeof ct_fields / sizeof ct_fields[0]); \
        }                                                                                    \
    } while (0)

/* Each takes at least one field. */
#define ct_log_debug(message, ...) CT_LOG(CT_LOG_DEBUG, message, __VA_ARGS__)
#define ct_log_info(message, ...)  CT_LOG(CT_LOG_INFO, message, __VA_ARGS__)
#define ct_log_warn(message, ...)  CT_LOG(CT_LOG_WARN, message, __VA_ARGS__)
#define ct_log_error(message, ...) CT_LOG(CT_LOG_ERROR, message, __VA_ARGS__)

#endif
