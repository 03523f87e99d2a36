/* GnuTLS between buffers. Called by connection.c, once per connection.
 *
 * Happy path: handshake (bytes both ways until both are sure), then reads and writes. Failure
 * paths: a file cannot be read (told by redis_tls_load at the start); the server's certificate is
 * not signed by the CA, is for another name or too old; the server wants a certificate of ours, or
 * speaks no TLS; a record is broken. Each is an error with the reason. */
#include "redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/str.h"

/* Of one set of files. Processes have one Redis, so the list is short. */
struct tls_files {
    struct tls_files *next;
    char *ca, *cert, *key; /* owned; NULL: the system's, none, none */
    gnutls_certificate_credentials_t credentials;
};

struct redis_tls {
    gnutls_session_t session;
    struct ct_buf input;            /* from the socket, not read yet */
    struct ct_buf output;           /* for the socket */
    const struct ct_redis_url *url; /* borrowed */
};

static struct tls_files *files_known;

/* --- files --- */

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum ct_code files_error(struct ct_error *err, const char *what, const char *path, int rc)
{
    return ct_error_set(err, CT_E_INVALID, "rediss://: %s %.100s: %s", what, path,
                        gnutls_strerror(rc));
}

static enum ct_code files_read(const struct tls_files *files, struct ct_error *err)
{
    gnutls_certificate_credentials_t to = files->credentials;
    int rc = files->ca ? gnutls_certificate_set_x509_trust_file(to, files->ca, GNUTLS_X509_FMT_PEM)
                       : gnutls_certificate_set_x509_system_trust(to);

    if (rc < 0 && rc != GNUTLS_E_UNIMPLEMENTED_FEATURE)
        return files_error(err, "cacert", files->ca ? files->ca : "of the system", rc);
    if (rc <= 0 && files->ca)
        return ct_error_set(err, CT_E_INVALID, "rediss://: cacert %.100s holds no certificate",
                            files->ca);
    if (!files->cert)
        return CT_E_OK;
    rc = gnutls_certificate_set_x509_key_file(to, files->cert, files->key, GNUTLS_X509_FMT_PEM);
    return rc < 0 ? files_error(err, "cert (with its key)", files->cert, rc) : CT_E_OK;
}

static void files_free(struct tls_files *files)
{
    gnutls_certificate_free_credentials(files->credentials);
    free(files->ca);
    free(files->cert);
    free(files->key);
    free(files);
}

static enum ct_code files_find(const struct ct_redis_url *url, const struct tls_files **out,
                               struct ct_error *err)
{
    struct tls_files *files;

    for (files = files_known; files; files = files->next) {
        if (is_same(files->ca, url->tls_ca) && is_same(files->cert, url->tls_cert) &&
            is_same(files->key, url->tls_key)) {
            *out = files;
            return CT_E_OK;
        }
    }
    files = ct_zalloc(sizeof *files);
    files->ca = url->tls_ca ? ct_strdup(url->tls_ca) : NULL;
    files->cert = url->tls_cert ? ct_strdup(url->tls_cert) : NULL;
    files->key = url->tls_key ? ct_strdup(url->tls_key) : NULL;
    enum ct_code rc = gnutls_certificate_allocate_credentials(&files->credentials) == 0
                          ? files_read(files, err)
                          : ct_error_set(err, CT_E_SYSTEM, "rediss://: no memory for TLS");
    if (rc != CT_E_OK) {
        files_free(files);
        return rc;
    }
    files->next = files_known;
    files_known = files;
    *out = files;
    return CT_E_OK;
}

enum ct_code redis_tls_load(const struct ct_redis_url *url, struct ct_error *err)
{
    const struct tls_files *files;

    return url->is_tls ? files_find(url, &files, err) : CT_E_OK;
}

/* --- a session --- */

static ssize_t tls_on_pull(gnutls_transport_ptr_t ptr, void *bytes, size_t max)
{
    struct redis_tls *tls = ptr;
    size_t len = tls->input.len;

    if (len == 0) {
        gnutls_transport_set_errno(tls->session, EAGAIN);
        return -1;
    }
    if (len > max)
        len = max;
    memcpy(bytes, ct_buf_data(&tls->input), len);
    ct_buf_consume(&tls->input, len);
    return (ssize_t)len;
}

static ssize_t tls_on_push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
    struct redis_tls *tls = ptr;

    ct_buf_append(&tls->output, bytes, len);
    return (ssize_t)len;
}

/* The name that the certificate must be for, and that the server is asked for. */
static const char *tls_name(const struct ct_redis_url *url)
{
    return url->tls_sni ? url->tls_sni : url->host;
}

static int tls_set_up(struct redis_tls *tls, const struct tls_files *files)
{
    const char *name = tls_name(tls->url);
    unsigned char address[sizeof(struct in6_addr)];
    bool is_ip = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
    int rc = gnutls_set_default_priority(tls->session);

    if (rc == 0)
        rc = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, files->credentials);
    if (rc == 0 && !is_ip)
        rc = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name));
    gnutls_session_set_verify_cert(tls->session, name, 0);
    gnutls_transport_set_ptr(tls->session, tls);
    gnutls_transport_set_pull_function(tls->session, tls_on_pull);
    gnutls_transport_set_push_function(tls->session, tls_on_push);
    return rc;
}

enum ct_code redis_tls_new(const struct ct_redis_url *url, struct redis_tls **out,
                           struct ct_error *err)
{
    const struct tls_files *files;
    enum ct_code rc = files_find(url, &files, err);

    if (rc != CT_E_OK)
        return rc;
    struct redis_tls *tls = ct_zalloc(sizeof *tls);
    tls->url = url;
    ct_buf_init(&tls->input);
    ct_buf_init(&tls->output);
    int status = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    if (status == 0)
        status = tls_set_up(tls, files);
    if (status != 0) {
        redis_tls_free(tls);
        return ct_error_set(err, CT_E_SYSTEM, "cannot begin TLS: %s", gnutls_strerror(status));
    }
    *out = tls;
    return CT_E_OK;
}

void redis_tls_free(struct redis_tls *tls)
{
    if (!tls)
        return;
    if (tls->session)
        gnutls_deinit(tls->session);
    ct_buf_free(&tls->input);
    ct_buf_free(&tls->output);
    free(tls);
}

void redis_tls_feed(struct redis_tls *tls, const char *bytes, size_t len)
{
    ct_buf_append(&tls->input, bytes, len);
}

struct ct_buf *redis_tls_output(struct redis_tls *tls)
{
    return &tls->output;
}

static bool tls_is_waiting(int status)
{
    return status < 0 && gnutls_error_is_fatal(status) == 0;
}

static enum ct_code tls_refuse_certificate(struct redis_tls *tls, struct ct_error *err)
{
    unsigned verdict = gnutls_session_get_verify_cert_status(tls->session);
    gnutls_datum_t text = {NULL, 0};

    if (gnutls_certificate_verification_status_print(verdict, GNUTLS_CRT_X509, &text, 0) != 0)
        text.data = NULL;
    ct_error_set(err, CT_E_REDIS_DOWN,
                 "the certificate of Redis is not trusted for \"%.60s\": %.100s (cacert= names "
                 "the CA)",
                 tls_name(tls->url), text.data ? (char *)text.data : "it cannot be checked");
    gnutls_free(text.data);
    return err->code;
}

static enum ct_code tls_failed(struct redis_tls *tls, int status, struct ct_error *err)
{
    switch (status) {
    case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
        return tls_refuse_certificate(tls, err);
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        return ct_error_set(err, CT_E_REDIS_DOWN,
                            "Redis ended TLS: %s (a certificate that it wants is given by cert= "
                            "and key=)",
                            gnutls_alert_get_name(gnutls_alert_get(tls->session)));
    case GNUTLS_E_UNEXPECTED_PACKET:
    case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
        return ct_error_set(err, CT_E_REDIS_DOWN,
                            "the port speaks no TLS (%s): use redis:// or the port of Redis' "
                            "tls-port",
                            gnutls_strerror(status));
    default:
        return ct_error_set(err, CT_E_REDIS_DOWN, "TLS to Redis failed: %s",
                            gnutls_strerror(status));
    }
}

enum ct_code redis_tls_handshake(struct redis_tls *tls, bool *is_done, struct ct_error *err)
{
    int status = gnutls_handshake(tls->session);

    *is_done = status == 0;
    return status == 0 || tls_is_waiting(status) ? CT_E_OK : tls_failed(tls, status, err);
}

enum ct_code redis_tls_read(struct redis_tls *tls, char *bytes, size_t max, size_t *len,
                            struct ct_error *err)
{
    ssize_t got;
    size_t before;

    /* A record without plain bytes, such as a session ticket, looks like waiting: what came behind
     * it must not stay until Redis speaks again. */
    do {
        before = tls->input.len;
        got = gnutls_record_recv(tls->session, bytes, max);
    } while (tls_is_waiting((int)got) && tls->input.len > 0 && tls->input.len < before);
    *len = got > 0 ? (size_t)got : 0;
    if (got > 0 || tls_is_waiting((int)got))
        return CT_E_OK;
    if (got == 0)
        return ct_error_set(err, CT_E_REDIS_DOWN, "Redis ended the TLS session");
    return tls_failed(tls, (int)got, err);
}

enum ct_code redis_tls_write(struct redis_tls *tls, const char *bytes, size_t len,
                             struct ct_error *err)
{
    while (len > 0) {
        ssize_t sent = gnutls_record_send(tls->session, bytes, len);
        if (sent < 0 && !tls_is_waiting((int)sent))
            return tls_failed(tls, (int)sent, err);
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
    }
    return CT_E_OK;
}
