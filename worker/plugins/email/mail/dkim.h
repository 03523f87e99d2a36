/* DKIM signatures (RFC 6376, RFC 8463): rsa-sha256 or ed25519-sha256, as the key is; relaxed for
 * headers and body. Any thread. */
#ifndef EMAIL_MAIL_DKIM_H
#define EMAIL_MAIL_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"
#include "cartrita/sdk/text.h"

struct dkim_key;

/* `pem`: a private key, RSA of 1024 bits or more, or Ed25519. */
bool dkim_open(const char *domain, const char *selector, const char *pem, struct dkim_key **out,
               struct sdk_error *error);
void dkim_close(struct dkim_key *key);

/* Appends the signature's header, with its CR LF, to `out`: it goes in front of the message, whose
 * lines all end with CR LF. */
bool dkim_sign(const struct dkim_key *key, const char *message, size_t len, int64_t time_s,
               struct sdk_string *out, struct sdk_error *error);

#endif
