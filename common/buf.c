/* Growing bytes. Called by everybody; the caller bounds what a peer may put in. */
#include "common/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"

#define BUF_CAP_MIN 256

void ct_buf_init(struct ct_buf *buf)
{
    *buf = (struct ct_buf){NULL, 0, 0, 0};
}

void ct_buf_free(struct ct_buf *buf)
{
    free(buf->data);
    ct_buf_init(buf);
}

void ct_buf_clear(struct ct_buf *buf)
{
    buf->start = 0;
    buf->len = 0;
}

bool ct_buf_try_reserve(struct ct_buf *buf, size_t more)
{
    if (buf->cap - buf->start - buf->len >= more && buf->data)
        return true;
    if (more > SIZE_MAX / 4 - buf->len)
        return false;
    /* Moving to the front is enough only where it frees a good part; else every small append to a
     * long queue of bytes would move them all. */
    if (buf->data && buf->cap - buf->len >= more && buf->start >= buf->len) {
        memmove(buf->data, buf->data + buf->start, buf->len);
        buf->start = 0;
        return true;
    }
    size_t cap = buf->cap > BUF_CAP_MIN ? buf->cap : BUF_CAP_MIN;
    while (cap < buf->len + more || cap < buf->len * 2)
        cap *= 2;
    char *grown = ct_try_alloc(cap);
    if (!grown)
        return false;
    if (buf->len > 0)
        memcpy(grown, buf->data + buf->start, buf->len);
    free(buf->data);
    *buf = (struct ct_buf){grown, 0, buf->len, cap};
    return true;
}

char *ct_buf_reserve(struct ct_buf *buf, size_t more)
{
    bool has_room = ct_buf_try_reserve(buf, more);

    ct_assert(has_room);
    return buf->data + buf->start + buf->len;
}

void ct_buf_append(struct ct_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    memcpy(ct_buf_reserve(buf, len), bytes, len);
    buf->len += len;
}

void ct_buf_append_str(struct ct_buf *buf, struct ct_str str)
{
    ct_buf_append(buf, str.data, str.len);
}

void ct_buf_append_char(struct ct_buf *buf, char c)
{
    ct_buf_append(buf, &c, 1);
}

void ct_buf_append_int(struct ct_buf *buf, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRId64, number);

    ct_buf_append(buf, text, (size_t)len);
}

void ct_buf_printf(struct ct_buf *buf, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ct_assert(len >= 0);
    vsnprintf(ct_buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    buf->len += (size_t)len;
}

void ct_buf_consume(struct ct_buf *buf, size_t len)
{
    ct_assert(len <= buf->len);
    buf->start += len;
    buf->len -= len;
    if (buf->len == 0)
        buf->start = 0;
}

char *ct_buf_take(struct ct_buf *buf, size_t *len)
{
    ct_buf_reserve(buf, 1);
    memmove(buf->data, buf->data + buf->start, buf->len);
    buf->data[buf->len] = '\0';

    char *taken = buf->data;
    if (len)
        *len = buf->len;
    ct_buf_init(buf);
    return taken;
}
