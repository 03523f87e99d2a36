/* Reads and prints addresses. Called at start by the programs and by the connections. Errors quote
 * only what cannot hold a password. */
#include "common/url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/url_internal.h"

#define URL_REDIS_PORT      6379
#define URL_SOCKET_PATH_MAX 107 /* sun_path of Linux, without its NUL */
#define URL_HOST_MAX        253 /* of a name in DNS */
#define URL_USER_MAX        512
#define URL_DB_MAX          INT16_MAX

static const char url_remedy[] = "write redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], "
                                 "rediss:// for TLS, or unix:///PATH[?db=N]";

static bool cut_prefix(struct ct_str *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->data, prefix, len) != 0)
        return false;
    text->data += len;
    text->len -= len;
    return true;
}

/* Splits `text` at `at`; the byte there belongs to neither side. */
static void split(struct ct_str text, const char *at, struct ct_str *left, struct ct_str *right)
{
    *left = (struct ct_str){text.data, (size_t)(at - text.data)};
    *right = (struct ct_str){at + 1, text.len - left->len - 1};
}

static const char *find_char(struct ct_str text, char c)
{
    return text.len > 0 ? memchr(text.data, c, text.len) : NULL;
}

static const char *find_last_char(struct ct_str text, char c)
{
    return text.len > 0 ? memrchr(text.data, c, text.len) : NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *ct_url_decode(struct ct_str text)
{
    char *out = ct_alloc(text.len + 1);
    size_t len = 0;

    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];

        if (c == '%') {
            int high = at + 2 < text.len ? hex_value(text.data[at + 1]) : -1;
            int low = at + 2 < text.len ? hex_value(text.data[at + 2]) : -1;
            c = high < 0 || low < 0 ? '\0' : (char)(high * 16 + low);
            at += 2;
        }
        if (c == '\0') {
            free(out);
            return NULL;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return out;
}

/* Letters, digits, - . _ of names, and what IPv6 adds: colons and %INTERFACE. */
static bool is_host(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%";

    return strlen(text) <= URL_HOST_MAX && strspn(text, allowed) == strlen(text);
}

/* HOST, HOST:PORT, [IPV6], [IPV6]:PORT. A port of 0 on entry: one must be given. */
static enum ct_code read_host_port(struct ct_str text, char **host, uint16_t *port,
                                   int64_t least_port, struct ct_error *err)
{
    struct ct_str name = text, digits = CT_STR_NONE;
    const char *colon = find_last_char(text, ':');

    if (text.len > 0 && text.data[0] == '[') {
        const char *end = find_char(text, ']');
        if (!end)
            return ct_error_set(err, CT_E_INVALID, "the ']' of an IPv6 address is missing");
        struct ct_str rest;
        split((struct ct_str){text.data + 1, text.len - 1}, end, &name, &rest);
        if (rest.len > 0 && rest.data[0] != ':')
            return ct_error_set(err, CT_E_INVALID, "only :PORT may follow the ']' of an address");
        if (rest.len > 0)
            digits = (struct ct_str){rest.data + 1, rest.len - 1};
    } else if (colon) {
        split(text, colon, &name, &digits);
        if (find_char(name, ':'))
            return ct_error_set(err, CT_E_INVALID,
                                "an IPv6 address needs brackets: [::1] or [::1]:6379");
    }
    int64_t number = *port;
    if (digits.data &&
        (!ct_str_to_int(digits, &number) || number < least_port || number > UINT16_MAX))
        return ct_error_set(err, CT_E_INVALID, "the port must be a number from %d to 65535",
                            (int)least_port);
    if (!digits.data && number == 0)
        return ct_error_set(err, CT_E_INVALID, "the port is missing: write HOST:PORT");
    char *decoded = name.len > 0 ? ct_url_decode(name) : NULL;
    if (!decoded || !is_host(decoded)) {
        free(decoded);
        return ct_error_set(
            err, CT_E_INVALID,
            "the host is missing, or holds what no host name and no IP address has");
    }
    *host = decoded;
    *port = (uint16_t)number;
    return CT_E_OK;
}

static enum ct_code check_socket_path(const char *path, struct ct_error *err)
{
    size_t len = strlen(path);

    if (len == 0)
        return ct_error_set(err, CT_E_INVALID, "the path of the socket is empty");
    if (len > URL_SOCKET_PATH_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a socket path may have %d bytes (this one has %zu): use a shorter one",
                            URL_SOCKET_PATH_MAX, len);
    return CT_E_OK;
}

/* --- Redis ---------------------------------------------------------------------------------- */

static enum ct_code read_db(struct ct_str text, int *db, struct ct_error *err)
{
    int64_t number;

    if (!ct_str_to_int(text, &number) || number < 0 || number > URL_DB_MAX)
        return ct_error_set(err, CT_E_INVALID,
                            "the database of a Redis URL must be a number from 0 to %d",
                            URL_DB_MAX);
    *db = (int)number;
    return CT_E_OK;
}

static enum ct_code read_credentials(struct ct_str text, struct ct_redis_url *url,
                                     struct ct_error *err)
{
    const char *colon = find_char(text, ':');
    struct ct_str user = text, password = CT_STR_NONE;

    if (colon)
        split(text, colon, &user, &password);
    if (user.len > 0)
        url->user = ct_url_decode(user);
    if (password.len > 0)
        url->password = ct_url_decode(password);
    if ((user.len > 0 && !url->user) || (password.len > 0 && !url->password))
        return ct_error_set(err, CT_E_INVALID,
                            "user or password of the Redis URL has a broken %% escape: write %%25 "
                            "for a percent sign");
    if (url->user && strlen(url->user) > URL_USER_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "the user of a Redis URL may have %d bytes",
                            URL_USER_MAX);
    return CT_E_OK;
}

static enum ct_code read_tcp_url(struct ct_str text, struct ct_redis_url *url, struct ct_error *err)
{
    struct ct_str rest = text, authority = text, db = CT_STR_NONE;
    const char *at = find_last_char(text, '@'); /* the last: clients do not always escape it */

    if (at) {
        struct ct_str credentials;
        split(text, at, &credentials, &rest);
        enum ct_code rc = read_credentials(credentials, url, err);
        if (rc != CT_E_OK)
            return rc;
        authority = rest;
    }
    const char *mark = find_char(rest, '?');
    if (mark) {
        struct ct_str query;
        split(rest, mark, &rest, &query);
        authority = rest;
        enum ct_code rc = ct_url_read_tls(query, url, err);
        if (rc != CT_E_OK)
            return rc;
    }
    const char *slash = find_char(rest, '/');
    if (slash)
        split(rest, slash, &authority, &db);
    if (db.len > 0) {
        enum ct_code rc = read_db(db, &url->db, err);
        if (rc != CT_E_OK)
            return rc;
    }
    url->port = URL_REDIS_PORT;
    return read_host_port(authority, &url->host, &url->port, 1, err);
}

static enum ct_code read_unix_url(struct ct_str text, struct ct_redis_url *url,
                                  struct ct_error *err)
{
    struct ct_str path = text, query = CT_STR_NONE;
    const char *mark = find_char(text, '?');
    const char *slash = find_char(text, '/');
    const char *at = find_char(text, '@');

    if (at && slash && at < slash) { /* unix://user:password@/path */
        struct ct_str credentials;
        split(text, at, &credentials, &path);
        enum ct_code rc = read_credentials(credentials, url, err);
        if (rc != CT_E_OK)
            return rc;
    }
    if (mark && mark > path.data)
        split(path, mark, &path, &query);
    if (query.data && (!cut_prefix(&query, "db=") || read_db(query, &url->db, err) != CT_E_OK))
        return ct_error_set(err, CT_E_INVALID,
                            "only ?db=N (0 to %d) may follow the path of a unix:// URL",
                            URL_DB_MAX);
    if (path.len == 0 || path.data[0] != '/')
        return ct_error_set(err, CT_E_INVALID, "unix:// needs an absolute path: unix:///run/...");
    url->path = ct_url_decode(path);
    if (!url->path)
        return ct_error_set(err, CT_E_INVALID, "the path of a unix:// URL has a broken %% escape");
    return check_socket_path(url->path, err);
}

static void set_password(struct ct_redis_url *url, struct ct_str password)
{
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->password);
    url->password = ct_strndup(password.data, password.len);
}

enum ct_code ct_redis_url_parse(const char *text, struct ct_redis_url *out, struct ct_error *err)
{
    return ct_redis_url_parse_with(text, CT_STR_NONE, out, err);
}

enum ct_code ct_redis_url_parse_with(const char *text, struct ct_str password,
                                     struct ct_redis_url *out, struct ct_error *err)
{
    struct ct_redis_url url = {0};
    struct ct_str rest = ct_str_of(text);
    enum ct_code rc;

    if (rest.len > CT_URL_LEN_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "a URL may have %d bytes (CT_URL_LEN_MAX)",
                            CT_URL_LEN_MAX);
    url.is_tls = cut_prefix(&rest, "rediss://");
    if (url.is_tls || cut_prefix(&rest, "redis://"))
        rc = read_tcp_url(rest, &url, err);
    else if (cut_prefix(&rest, "unix://"))
        rc = read_unix_url(rest, &url, err);
    else
        rc = ct_error_set(err, CT_E_INVALID, "not a Redis URL: %s", url_remedy);
    if (rc == CT_E_OK && password.data)
        set_password(&url, password);
    if (rc == CT_E_OK && url.user && !url.password)
        rc = ct_error_set(err, CT_E_INVALID,
                          "the Redis URL has a user but no password: write USER:PASSWORD@ or "
                          ":PASSWORD@");
    if (rc == CT_E_OK)
        *out = url;
    else
        ct_redis_url_free(&url);
    return rc;
}

void ct_redis_url_free(struct ct_redis_url *url)
{
    if (url->password)
        explicit_bzero(url->password, strlen(url->password));
    free(url->password);
    free(url->user);
    free(url->host);
    free(url->path);
    free(url->tls_ca);
    free(url->tls_cert);
    free(url->tls_key);
    free(url->tls_sni);
    *url = (struct ct_redis_url){0};
}

/* --- daemons -------------------------------------------------------------------------------- */

static enum ct_code address_parse(const char *text, int64_t least_port, struct ct_address *out,
                                  struct ct_error *err)
{
    struct ct_address address = {0};
    struct ct_str rest = ct_str_of(text);
    enum ct_code rc;

    if (rest.len > CT_URL_LEN_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "an address may have %d bytes (CT_URL_LEN_MAX)",
                            CT_URL_LEN_MAX);
    bool is_unix =
        cut_prefix(&rest, "unix://") || cut_prefix(&rest, "unix:") || cut_prefix(&rest, "unix ");
    if (is_unix || (rest.len > 0 && rest.data[0] == '/')) {
        while (rest.len > 0 && rest.data[0] == ' ')
            rest = (struct ct_str){rest.data + 1, rest.len - 1};
        address.path = ct_strndup(rest.data, rest.len);
        rc = check_socket_path(address.path, err);
    } else {
        cut_prefix(&rest, "tcp://");
        rc = read_host_port(rest, &address.host, &address.port, least_port, err);
    }
    if (rc == CT_E_OK) {
        *out = address;
        return CT_E_OK;
    }
    ct_address_free(&address);
    /* With an @ it is a Redis URL in the wrong place, and may hold a password. */
    ct_error_wrap(err, "address '%.80s' (write /PATH, unix:PATH or HOST:PORT)",
                  strchr(text, '@') ? "..." : text);
    return rc;
}

enum ct_code ct_address_parse(const char *text, struct ct_address *out, struct ct_error *err)
{
    return address_parse(text, 1, out, err);
}

enum ct_code ct_address_parse_free_port(const char *text, struct ct_address *out,
                                        struct ct_error *err)
{
    return address_parse(text, 0, out, err);
}

void ct_address_free(struct ct_address *address)
{
    free(address->path);
    free(address->host);
    *address = (struct ct_address){0};
}

char *ct_address_print(const struct ct_address *address)
{
    struct ct_buf buf;

    if (address->path)
        return ct_asprintf("%s%s", address->path[0] == '/' ? "" : "unix:", address->path);
    ct_buf_init(&buf);
    ct_url_append_host(&buf, address->host, address->port);
    return ct_buf_take(&buf, NULL);
}

char *ct_address_default(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (geteuid() != 0 && runtime && runtime[0] == '/')
        return ct_asprintf("unix:%s/cartrita/queued.sock", runtime);
    return ct_strdup("unix:/run/cartrita/queued.sock");
}
