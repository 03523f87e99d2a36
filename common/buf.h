/* A growing run of bytes that can be read from the front. The one owner frees it. */
#ifndef CT_COMMON_BUF_H
#define CT_COMMON_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"

struct ct_buf {
    char *data; /* owned; the readable bytes are data[start .. start + len) */
    size_t start, len, cap;
};

void ct_buf_init(struct ct_buf *buf);
void ct_buf_free(struct ct_buf *buf);  /* back to empty; may be used again */
void ct_buf_clear(struct ct_buf *buf); /* keeps the memory */

static inline char *ct_buf_data(const struct ct_buf *buf)
{
    return buf->data ? buf->data + buf->start : NULL;
}

static inline struct ct_str ct_buf_str(const struct ct_buf *buf)
{
    return (struct ct_str){buf->len ? buf->data + buf->start : "", buf->len};
}

/* Room for `more` bytes behind the readable ones; ct_buf_reserve aborts without memory, the try
 * form returns false. Returns the write position,
 * ct_buf_data(buf) + buf->len. */
char *ct_buf_reserve(struct ct_buf *buf, size_t more);
bool ct_buf_try_reserve(struct ct_buf *buf, size_t more);

void ct_buf_append(struct ct_buf *buf, const void *bytes, size_t len);
void ct_buf_append_str(struct ct_buf *buf, struct ct_str str);
void ct_buf_append_char(struct ct_buf *buf, char c);
void ct_buf_append_int(struct ct_buf *buf, int64_t number); /* decimal text */
void ct_buf_printf(struct ct_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops `len` bytes from the front. */
void ct_buf_consume(struct ct_buf *buf, size_t len);
/* Moves the readable bytes out as fresh memory with a NUL behind them (*len without it; may be
 * NULL); the buffer is empty afterwards. The caller frees. */
char *ct_buf_take(struct ct_buf *buf, size_t *len);

#endif
