/* Addresses as users write them: Redis URLs and the addresses of daemons. Pure functions; no error
 * and no printable form ever holds a password. */
#ifndef CT_COMMON_URL_H
#define CT_COMMON_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/str.h"

#define CT_URL_LEN_MAX 4096

/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], unix:///PATH[?db=N]; rediss:// with TLS and then
 * ?cacert=FILE&cert=FILE&key=FILE&sni=NAME, each as wanted. Percent-encoding is undone. */
struct ct_redis_url {
    char *host; /* owned; NULL for a socket path; without the brackets of IPv6 */
    uint16_t port;
    char *path;     /* owned; NULL for TCP */
    char *user;     /* owned; NULL: none */
    char *password; /* owned; NULL: none */
    int db;
    bool is_tls;
    char *tls_ca; /* owned; PEM file of who signs Redis' certificate; NULL: the system's */
    char *tls_cert, *tls_key; /* owned; PEM files of ours, both or none */
    char *tls_sni;            /* owned; the name that Redis' certificate is for; NULL: the host */
};

/* On success the caller calls ct_redis_url_free. */
enum ct_code ct_redis_url_parse(const char *text, struct ct_redis_url *out,
                                struct ct_error *err) CT_MUST_CHECK;
/* The same with a password from elsewhere, which beats that of the URL; absent: none. */
enum ct_code ct_redis_url_parse_with(const char *text, struct ct_str password,
                                     struct ct_redis_url *out, struct ct_error *err) CT_MUST_CHECK;
/* Wipes the password before its memory goes. */
void ct_redis_url_free(struct ct_redis_url *url);
/* The URL with "***" for the password; fresh memory for the caller to free. */
char *ct_redis_url_print(const struct ct_redis_url *url);
/* The URL as it is, for the environment of a process that is to use it: never for a log. The caller
 * wipes and frees it. */
char *ct_redis_url_print_secret(const struct ct_redis_url *url);

/* Percent-decoded copy for the caller to free; NULL for a broken escape or a NUL. */
char *ct_url_decode(struct ct_str text);

/* Where a daemon listens: "/PATH", "unix:/PATH", "unix:///PATH", "unix PATH", "HOST:PORT",
 * "tcp://HOST:PORT". A relative path needs the word unix. */
struct ct_address {
    char *path; /* owned; NULL for TCP */
    char *host; /* owned; NULL for a socket path; without the brackets of IPv6 */
    uint16_t port;
};

/* On success the caller calls ct_address_free. */
enum ct_code ct_address_parse(const char *text, struct ct_address *out,
                              struct ct_error *err) CT_MUST_CHECK;
/* The same, and the port may be 0: one that the system chooses. */
enum ct_code ct_address_parse_free_port(const char *text, struct ct_address *out,
                                        struct ct_error *err) CT_MUST_CHECK;
void ct_address_free(struct ct_address *address);
/* In a form that ct_address_parse reads; fresh memory for the caller to free. */
char *ct_address_print(const struct ct_address *address);
/* Where a daemon listens when nobody says: the system's socket for root and for those who have no
 * $XDG_RUNTIME_DIR, else the user's own. Fresh memory for the caller to free. */
char *ct_address_default(void);

#endif
