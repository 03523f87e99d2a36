/* A client for one question, on a blocking socket with a time limit. */
#include "http/check.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/url.h"

#define CHECK_BYTES_MAX 2048
#define CHECK_REQUEST   "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

struct check {
    int fd;
    bool is_tls;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    char text[CHECK_BYTES_MAX];
};

static int check_dial_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path) + 1); /* its length was checked when it was read */
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Who listens everywhere is asked here. */
static const char *check_host(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int check_dial_tcp(const struct ct_address *address)
{
    const struct timeval limit = {.tv_sec = HTTP_CHECK_MS / 1000};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8];

    snprintf(port, sizeof port, "%u", address->port);
    if (getaddrinfo(check_host(address->host), port, &hints, &found) != 0)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected = false;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        is_connected = connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    }
    freeaddrinfo(found);
    if (!is_connected && fd >= 0)
        close(fd);
    return is_connected ? fd : -1;
}

static bool check_shake(struct check *check)
{
    gnutls_certificate_allocate_credentials(&check->credentials);
    gnutls_init(&check->session, GNUTLS_CLIENT);
    gnutls_set_default_priority(check->session);
    gnutls_credentials_set(check->session, GNUTLS_CRD_CERTIFICATE, check->credentials);
    gnutls_transport_set_int(check->session, check->fd);
    gnutls_handshake_set_timeout(check->session, HTTP_CHECK_MS);
    int status;
    do
        status = gnutls_handshake(check->session);
    while (status < 0 && gnutls_error_is_fatal(status) == 0);
    return status == 0;
}

static bool check_ask(struct check *check)
{
    size_t len = 0;
    ssize_t got = check->is_tls
                      ? gnutls_record_send(check->session, CHECK_REQUEST, strlen(CHECK_REQUEST))
                      : send(check->fd, CHECK_REQUEST, strlen(CHECK_REQUEST), MSG_NOSIGNAL);

    while (got > 0 && len < sizeof check->text - 1) {
        char *place = check->text + len;
        size_t room = sizeof check->text - 1 - len;
        got = check->is_tls ? gnutls_record_recv(check->session, place, room)
                            : recv(check->fd, place, room, 0);
        len += got > 0 ? (size_t)got : 0;
    }
    check->text[len] = '\0';
    return len > 0;
}

static enum ct_code check_judge(const struct check *check, const char *address,
                                struct ct_error *err)
{
    const char *status = strchr(check->text, ' ');
    const char *body = strstr(check->text, "\r\n\r\n");

    if (strncmp(check->text, "HTTP/1.", 7) != 0 || !status)
        return ct_error_set(err, CT_E_INVALID, "what listens on %.100s does not speak HTTP",
                            address);
    if (strncmp(status, " 200 ", 5) == 0)
        return CT_E_OK;
    return ct_error_set(err, CT_E_CONFLICT, "%.100s answers%.4s: %.120s", address, status,
                        body ? body + 4 : "");
}

enum ct_code http_check_health(const char *text, bool is_tls, struct ct_error *err)
{
    struct check check = {.is_tls = is_tls};
    struct ct_address address;
    enum ct_code rc = ct_address_parse(text, &address, err);

    if (rc != CT_E_OK)
        return rc;
    check.fd = address.path ? check_dial_path(address.path) : check_dial_tcp(&address);
    if (check.fd < 0)
        rc = ct_error_set(err, CT_E_SYSTEM, "nothing serves HTTP on %.100s: %s", text,
                          strerror(errno));
    else if (is_tls && !check_shake(&check))
        rc = ct_error_set(err, CT_E_SYSTEM, "what listens on %.100s does not speak TLS", text);
    else if (!check_ask(&check))
        rc = ct_error_set(err, CT_E_TIMEOUT, "%.100s did not answer within %d ms", text,
                          HTTP_CHECK_MS);
    else
        rc = check_judge(&check, text, err);
    if (check.session)
        gnutls_deinit(check.session);
    if (check.credentials)
        gnutls_certificate_free_credentials(check.credentials);
    if (check.fd >= 0)
        close(check.fd);
    ct_address_free(&address);
    return rc;
}

int http_check_main(const char *program, const char *address, bool is_tls)
{
    struct ct_error err;

    if (http_check_health(address, is_tls, &err) != CT_E_OK) {
        fprintf(stderr, "%s: %s\n", program, err.detail);
        return EXIT_FAILURE;
    }
    puts("ok");
    return EXIT_SUCCESS;
}
