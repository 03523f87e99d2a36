/* The socket of the server. Blocks only for a name that is not numeric, at the start. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "common/url.h"
#include "http/http_internal.h"

/* Of a socket file: its user and group may connect. */
#define LISTEN_UMASK 0117

static enum ct_code listen_failed(const char *address, struct ct_error *err)
{
    int code = errno;
    const char *advice = "";

    if (code == EADDRINUSE)
        advice = ": another program listens there; stop it, or take another address";
    else if (code == EACCES || code == EPERM)
        advice = ": this user may not; take another port or folder";
    else if (code == EADDRNOTAVAIL)
        advice = ": no interface of this machine has that address";
    return ct_error_set(err, CT_E_SYSTEM, "cannot serve HTTP on %.100s: %s%s", address,
                        strerror(code), advice);
}

static bool listen_bind(int fd, const struct sockaddr *address, socklen_t len)
{
    return bind(fd, address, len) == 0 && listen(fd, HTTP_BACKLOG) == 0;
}

/* A socket file that nobody serves was left by a process that was killed. */
static void listen_clear(const struct sockaddr_un *address)
{
    struct stat found;
    int fd;

    if (lstat(address->sun_path, &found) != 0 || !S_ISSOCK(found.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
        errno == ECONNREFUSED)
        unlink(address->sun_path);
    close(fd);
}

static enum ct_code listen_path(const char *path, int *out, char **shown, struct ct_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ct_buf text;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, path, strlen(path) + 1); /* its length was checked when it was read */
    listen_clear(&address);
    mode_t before = umask(LISTEN_UMASK);
    bool is_bound = fd >= 0 && listen_bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(before);
    if (!is_bound) {
        enum ct_code rc = listen_failed(path, err);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    ct_buf_init(&text);
    ct_buf_printf(&text, "unix:%s", path);
    *shown = ct_buf_take(&text, NULL);
    *out = fd;
    return CT_E_OK;
}

/* With the port that the system chose. */
static char *listen_show(int fd, bool is_tls)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof bound;
    char host[INET6_ADDRSTRLEN] = "?";
    bool is_v6;
    struct ct_buf text;

    getsockname(fd, &bound.any, &len);
    is_v6 = bound.any.sa_family == AF_INET6;
    if (is_v6)
        uv_ip6_name(&bound.v6, host, sizeof host);
    else
        uv_ip4_name(&bound.v4, host, sizeof host);
    ct_buf_init(&text);
    ct_buf_printf(&text, "%s://%s%s%s:%u", is_tls ? "https" : "http", is_v6 ? "[" : "", host,
                  is_v6 ? "]" : "", ntohs(is_v6 ? bound.v6.sin6_port : bound.v4.sin_port));
    return ct_buf_take(&text, NULL);
}

static enum ct_code listen_tcp(const struct ct_address *address, const char *text, int *out,
                               struct ct_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char port[8];
    int on = 1;

    snprintf(port, sizeof port, "%u", address->port);
    int status = getaddrinfo(address->host, port, &hints, &found);
    if (status != 0)
        return ct_error_set(err, CT_E_INVALID, "cannot serve HTTP on %.100s: %s", text,
                            gai_strerror(status));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is_bound = fd >= 0 && listen_bind(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    if (is_bound) {
        *out = fd;
        return CT_E_OK;
    }
    enum ct_code rc = listen_failed(text, err);
    if (fd >= 0)
        close(fd);
    return rc;
}

enum ct_code http_listen(const char *text, bool is_tls, int *fd, char **shown, char **path,
                         struct ct_error *err)
{
    struct ct_address address;
    enum ct_code rc = ct_address_parse_free_port(text, &address, err);

    if (rc != CT_E_OK)
        return rc;
    *path = NULL;
    if (address.path) {
        rc = listen_path(address.path, fd, shown, err);
        if (rc == CT_E_OK)
            *path = ct_strdup(address.path);
    } else {
        rc = listen_tcp(&address, text, fd, err);
        if (rc == CT_E_OK)
            *shown = listen_show(*fd, is_tls);
    }
    ct_address_free(&address);
    return rc;
}
