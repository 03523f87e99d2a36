/* Writes addresses as users would. Called where they are told and handed on; only one function here
 * shows a password. */
#include <string.h>

#include "common/url_internal.h"

void ct_url_append_encoded(struct ct_buf *buf, const char *text, const char *also_plain)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || strchr("-._~", c) || strchr(also_plain, c);

        if (is_plain)
            ct_buf_append_char(buf, (char)c);
        else
            ct_buf_printf(buf, "%%%02X", c);
    }
}

void ct_url_append_host(struct ct_buf *buf, const char *host, uint16_t port)
{
    bool is_ipv6 = strchr(host, ':') != NULL;

    ct_buf_append_str(buf, ct_str_of(is_ipv6 ? "[" : ""));
    ct_url_append_encoded(buf, host, is_ipv6 ? ":" : "");
    ct_buf_printf(buf, "%s:%u", is_ipv6 ? "]" : "", port);
}

static char *print(const struct ct_redis_url *url, bool with_password)
{
    struct ct_buf buf;

    ct_buf_init(&buf);
    ct_buf_append_str(&buf, ct_str_of(url->path     ? "unix://"
                                      : url->is_tls ? "rediss://"
                                                    : "redis://"));
    if (url->user)
        ct_url_append_encoded(&buf, url->user, "");
    if (url->password) {
        ct_buf_append_char(&buf, ':');
        ct_url_append_encoded(&buf, with_password ? url->password : "***", "*");
        ct_buf_append_char(&buf, '@');
    }
    if (url->path) {
        ct_url_append_encoded(&buf, url->path, "/");
        if (url->db)
            ct_buf_printf(&buf, "?db=%d", url->db);
    } else {
        ct_url_append_host(&buf, url->host, url->port);
        if (url->db)
            ct_buf_printf(&buf, "/%d", url->db);
        ct_url_append_tls(&buf, url);
    }
    return ct_buf_take(&buf, NULL);
}

char *ct_redis_url_print(const struct ct_redis_url *url)
{
    return print(url, false);
}

char *ct_redis_url_print_secret(const struct ct_redis_url *url)
{
    return print(url, true);
}
