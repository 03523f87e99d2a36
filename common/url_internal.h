/* What the files of a URL share: url.c (reads addresses), url_print.c (writes them) and url_tls.c
 * (the query of rediss://). Nobody
 * else includes this. */
#ifndef CT_COMMON_URL_INTERNAL_H
#define CT_COMMON_URL_INTERNAL_H

#include "common/buf.h"
#include "common/url.h"

/* Percent-encodes what could be read as something else. */
void ct_url_append_encoded(struct ct_buf *buf, const char *text, const char *also_plain);
void ct_url_append_host(struct ct_buf *buf, const char *host, uint16_t port);

/* What follows the ? of a URL over TCP. */
enum ct_code ct_url_read_tls(struct ct_str query, struct ct_redis_url *url,
                             struct ct_error *err) CT_MUST_CHECK;
void ct_url_append_tls(struct ct_buf *buf, const struct ct_redis_url *url);

#endif
