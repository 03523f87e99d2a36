/* TLS of a connection to Redis: turns what Redis says into what came over the socket and back.
 * Called by connection.c alone (and redis_tls_load by programs at their start). Owns no socket and
 * reads none: bytes are handed in and taken out, so that it never blocks. */
#ifndef CT_REDIS_TLS_H
#define CT_REDIS_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/url.h"

struct redis_tls;

/* Reads the certificate files of a rediss:// URL; they are kept for the process's life, so that a
 * reconnect reads no file. OK for URLs without TLS. Call it at the start: it tells early that a
 * file is missing. */
enum ct_code redis_tls_load(const struct ct_redis_url *url, struct ct_error *err) CT_MUST_CHECK;

enum ct_code redis_tls_new(const struct ct_redis_url *url, struct redis_tls **out,
                           struct ct_error *err) CT_MUST_CHECK;
void redis_tls_free(struct redis_tls *tls);

/* Bytes that came from the socket. */
void redis_tls_feed(struct redis_tls *tls, const char *bytes, size_t len);
/* Goes on with the handshake; *is_done when both sides are sure of each other. */
enum ct_code redis_tls_handshake(struct redis_tls *tls, bool *is_done,
                                 struct ct_error *err) CT_MUST_CHECK;
/* Plain bytes of what was fed; *len 0: there are no more for now. */
enum ct_code redis_tls_read(struct redis_tls *tls, char *bytes, size_t max, size_t *len,
                            struct ct_error *err) CT_MUST_CHECK;
enum ct_code redis_tls_write(struct redis_tls *tls, const char *bytes, size_t len,
                             struct ct_error *err) CT_MUST_CHECK;
/* What is to go to the socket; the caller empties it. Borrowed. */
struct ct_buf *redis_tls_output(struct redis_tls *tls);

#endif
