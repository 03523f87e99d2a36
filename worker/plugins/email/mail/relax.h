/* The relaxed forms of DKIM (RFC 6376, 3.4): what is signed of a header and of a body. */
#ifndef EMAIL_MAIL_RELAX_H
#define EMAIL_MAIL_RELAX_H

#include <stddef.h>

#include "cartrita/sdk/text.h"

/* A header of `len` bytes, folded or not, with or without its last line end: "name:value", without
 * a line end. */
void relax_header(struct sdk_string *out, const char *header, size_t len);
void relax_body(struct sdk_string *out, const char *body, size_t len);

#endif
