/* Certificates: read once when the server opens, checked for each client that shows one. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "http/http_internal.h"

#define TLS_NAME_BYTES_MAX 256

static enum ct_code tls_read_file(const char *path, char **out, struct ct_error *err)
{
    FILE *file = fopen(path, "re");
    char *text;

    if (!file)
        return ct_error_set(err, CT_E_SYSTEM, "cannot read %.160s: %s", path, strerror(errno));
    text = ct_alloc(HTTP_PEM_BYTES_MAX + 1);
    size_t len = fread(text, 1, HTTP_PEM_BYTES_MAX + 1, file);
    bool is_whole = !ferror(file);
    fclose(file);
    if (is_whole && len <= HTTP_PEM_BYTES_MAX) {
        text[len] = '\0';
        *out = text;
        return CT_E_OK;
    }
    free(text);
    return ct_error_set(err, CT_E_INVALID, "%.160s is no PEM file, or over %u bytes", path,
                        HTTP_PEM_BYTES_MAX);
}

enum ct_code http_tls_read(const struct http_options *options, struct http_tls *tls,
                           struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (!options->cert_file != !options->key_file)
        return ct_error_set(err, CT_E_USAGE,
                            "a certificate needs its key, and a key its "
                            "certificate: give both");
    if (options->ca_file && !options->cert_file)
        return ct_error_set(err, CT_E_USAGE,
                            "certificates of clients are seen with TLS only: "
                            "give the server a certificate and key too");
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_NO && options->cert_file)
        return ct_error_set(err, CT_E_UNSUPPORTED, "this libmicrohttpd was built without TLS");
    if (options->cert_file)
        rc = tls_read_file(options->cert_file, &tls->cert, err);
    if (rc == CT_E_OK && options->key_file)
        rc = tls_read_file(options->key_file, &tls->key, err);
    if (rc == CT_E_OK && options->ca_file)
        rc = tls_read_file(options->ca_file, &tls->ca, err);
    return rc;
}

void http_tls_free(struct http_tls *tls)
{
    free(tls->cert);
    if (tls->key)
        explicit_bzero(tls->key, strlen(tls->key));
    free(tls->key);
    free(tls->ca);
}

static char *tls_common_name(const gnutls_datum_t *certificate)
{
    char name[TLS_NAME_BYTES_MAX];
    size_t len = sizeof name;
    gnutls_x509_crt_t crt;
    char *found = NULL;

    if (gnutls_x509_crt_init(&crt) != 0)
        return NULL;
    /* A name with a NUL in it would be another's. */
    if (gnutls_x509_crt_import(crt, certificate, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) == 0 &&
        strlen(name) == len)
        found = ct_strdup(name);
    gnutls_x509_crt_deinit(crt);
    return found;
}

char *http_tls_certified_name(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? info->tls_session : NULL;
    unsigned status, count = 0;

    if (!session || gnutls_certificate_verify_peers2(session, &status) != 0 || status != 0)
        return NULL;
    const gnutls_datum_t *certificates = gnutls_certificate_get_peers(session, &count);
    return certificates && count > 0 ? tls_common_name(&certificates[0]) : NULL;
}
