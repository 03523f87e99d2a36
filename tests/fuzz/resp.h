/* Replies and requests of Redis in RESP, for fuzzers: a request taken apart again, and replies
 * grown from bytes, so that the fuzzer finds shapes without having to spell out lengths. */
#ifndef TESTS_FUZZ_RESP_H
#define TESTS_FUZZ_RESP_H

#include "common/assert.h"
#include "common/buf.h"
#include "redis/command.h"

#define RESP_DEPTH_MAX 6

static inline void resp_put_array(struct ct_buf *out, size_t count)
{
    ct_buf_printf(out, "*%zu\r\n", count);
}

static inline void resp_put_int(struct ct_buf *out, int64_t number)
{
    ct_buf_printf(out, ":%lld\r\n", (long long)number);
}

/* Absent: nil. */
static inline void resp_put_text(struct ct_buf *out, struct ct_str text)
{
    if (!text.data) {
        ct_buf_append_str(out, CT_STR_LIT("$-1\r\n"));
        return;
    }
    ct_buf_printf(out, "$%zu\r\n", text.len);
    ct_buf_append_str(out, text);
    ct_buf_append_str(out, CT_STR_LIT("\r\n"));
}

/* The next argument of a request; `body` moves behind it. */
static inline struct ct_str resp_take_arg(struct ct_str *body)
{
    const char *end = body->data + body->len, *at = body->data + 1;
    size_t len = 0;

    ct_assert(body->len > 0 && body->data[0] == '$');
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        len = len * 10 + (size_t)(*at - '0');
    ct_assert(end - at >= 2 && at[0] == '\r' && at[1] == '\n');
    at += 2;
    ct_assert((size_t)(end - at) >= len + 2);
    ct_assert(at[len] == '\r' && at[len + 1] == '\n');
    *body = (struct ct_str){at + len + 2, (size_t)(end - at) - len - 2};
    return (struct ct_str){at, len};
}

/* Every argument is whole, and there are as many as it says. */
static inline void resp_check_command(const struct redis_command *command)
{
    struct ct_str body = ct_buf_str(&command->body);
    uint32_t count = 0;

    for (; body.len > 0; count++)
        (void)resp_take_arg(&body);
    ct_assert(count == command->argc);
}

/* --- growing ------------------------------------------------------------------------------- */

struct resp_seed {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t resp_byte(struct resp_seed *seed)
{
    if (seed->size == 0)
        return 0;
    seed->size--;
    return *seed->data++;
}

static inline int64_t resp_number(struct resp_seed *seed)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | resp_byte(seed);
    return (int64_t)number;
}

static inline struct ct_str resp_bytes(struct resp_seed *seed)
{
    size_t len = resp_byte(seed) % 64;

    if (len > seed->size)
        len = seed->size;
    struct ct_str text = {(const char *)seed->data, len};
    seed->data += len;
    seed->size -= len;
    return text;
}

/* One value, with all below it. */
static inline void resp_grow(struct ct_buf *out, struct resp_seed *seed, int depth)
{
    static const char *const words[] = {"1",
                                        "0",
                                        "7",
                                        "{}",
                                        "[]",
                                        "__default__",
                                        "{\"attempts\":3}",
                                        "6963e18",
                                        "-1",
                                        "nan",
                                        "{\"repeat\":{\"every\":5}}",
                                        "delayed",
                                        "[\"a\",\"b\"]",
                                        "{\"timeout\":1e999,\"removeOnFail\":null}"};
    uint8_t op = resp_byte(seed);

    switch (depth < RESP_DEPTH_MAX ? op % 8 : 2 + op % 6) {
    case 0: /* as many parts as a byte says, or as a job has */
    case 1: {
        size_t count = op % 8 == 1 ? 7 + op / 8 % 5 : resp_byte(seed) % 16;
        resp_put_array(out, count);
        for (size_t i = 0; i < count; i++)
            resp_grow(out, seed, depth + 1);
        break;
    }
    case 2:
        resp_put_int(out, (int8_t)resp_byte(seed));
        break;
    case 3:
        resp_put_int(out, resp_number(seed));
        break;
    case 4:
        resp_put_text(out, CT_STR_NONE);
        break;
    case 5:
        resp_put_text(out, ct_str_of(words[op / 8 % (sizeof words / sizeof words[0])]));
        break;
    case 6:
        resp_put_text(out, resp_bytes(seed));
        break;
    default:
        ct_buf_append_str(out, op & 8 ? CT_STR_LIT("-WRONGTYPE it is\r\n")
                                      : CT_STR_LIT("-ERR something else\r\n"));
    }
}

#endif
