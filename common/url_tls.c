/* The query of rediss:// URLs: the files and the name that TLS needs, in the words of redis-cli.
 * Called by url.c. Opens no file. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/url_internal.h"

static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"cacert", offsetof(struct ct_redis_url, tls_ca)},
    {"cert", offsetof(struct ct_redis_url, tls_cert)},
    {"key", offsetof(struct ct_redis_url, tls_key)},
    {"sni", offsetof(struct ct_redis_url, tls_sni)},
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static char **field_of(struct ct_redis_url *url, size_t i)
{
    return (char **)((char *)url + fields[i].offset);
}

static enum ct_code read_one(struct ct_str name, struct ct_str value, struct ct_redis_url *url,
                             struct ct_error *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!ct_str_is(name, fields[i].name))
            continue;
        free(*field_of(url, i));
        *field_of(url, i) = value.len > 0 ? ct_url_decode(value) : NULL;
        if (!*field_of(url, i))
            return ct_error_set(err, CT_E_INVALID,
                                "%s= of a rediss:// URL is empty or has a broken %% escape",
                                fields[i].name);
        return CT_E_OK;
    }
    return ct_error_set(err, CT_E_INVALID,
                        "a rediss:// URL knows ?cacert=FILE, cert=FILE, key=FILE and sni=NAME, "
                        "joined by &, and nothing else");
}

enum ct_code ct_url_read_tls(struct ct_str query, struct ct_redis_url *url, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (!url->is_tls)
        return ct_error_set(err, CT_E_INVALID,
                            "a redis:// URL takes no ?query: write rediss:// for TLS");
    while (query.len > 0 && rc == CT_E_OK) {
        const char *end = memchr(query.data, '&', query.len);
        size_t len = end ? (size_t)(end - query.data) : query.len;
        const char *equals = memchr(query.data, '=', len);
        size_t name_len = equals ? (size_t)(equals - query.data) : len;
        size_t skip = equals ? name_len + 1 : len;

        rc = read_one((struct ct_str){query.data, name_len},
                      (struct ct_str){query.data + skip, len - skip}, url, err);
        len += end ? 1 : 0;
        query = (struct ct_str){query.data + len, query.len - len};
    }
    if (rc == CT_E_OK && !url->tls_cert != !url->tls_key)
        rc = ct_error_set(err, CT_E_INVALID,
                          "cert= and key= of a rediss:// URL belong together: give both");
    return rc;
}

void ct_url_append_tls(struct ct_buf *buf, const struct ct_redis_url *url)
{
    char mark = '?';

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *value = *field_of((struct ct_redis_url *)url, i);
        if (!value)
            continue;
        ct_buf_append_char(buf, mark);
        ct_buf_printf(buf, "%s=", fields[i].name);
        ct_url_append_encoded(buf, value, "/");
        mark = '&';
    }
}
