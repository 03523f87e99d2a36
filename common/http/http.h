/* An HTTP/1.1 server (libmicrohttpd) on the caller's loop, without a thread of its own: what the
 * programs show of themselves, and the daemon's API. Knows no route and no right: each whole
 * request goes to one function, which answers it now or later.
 *
 * Everything here happens on the loop's thread. Texts that a request lends live until it is
 * answered or gone. */
#ifndef CT_HTTP_HTTP_H
#define CT_HTTP_HTTP_H

#include <uv.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/str.h"

struct http_server;
struct http_request;
struct http_feed;

#define HTTP_CONNECTIONS_MAX 2048        /* open at a time, feeds among them */
#define HTTP_BODY_MAX        (8u << 20)  /* bytes of a request's body; more: 413 */
#define HTTP_BODIES_MAX      (64u << 20) /* of all bodies together; more: 503 */
#define HTTP_IDLE_S          30u         /* a connection that sends or takes nothing */

struct http_options {
    uv_loop_t *loop;     /* borrowed */
    const char *address; /* "127.0.0.1:8620", "[::1]:0" (0: a free port), "unix:/PATH" */
    /* PEM files; NULL: plain HTTP. With `ca_file` a client may show a certificate that it signed.
     */
    const char *cert_file, *key_file, *ca_file;
    /* Each whole request; answered by http_answer or http_feed_begin, once. */
    void (*on_request)(void *ctx, struct http_request *request);
    void *ctx;
    unsigned idle_s; /* 0: HTTP_IDLE_S */
};

/* Binds and listens. */
enum ct_code http_open(const struct http_options *options, struct http_server **out,
                       struct ct_error *err) CT_MUST_CHECK;
/* As clients write it: "http://127.0.0.1:8620". Borrowed. */
const char *http_address(const struct http_server *server);
/* Ends all connections; requests that were not answered are gone. Frees, then calls `closed` (may
 * be NULL). */
void http_close(struct http_server *server, void (*closed)(void *ctx), void *ctx);

/* --- a request --- */
const char *http_method(const struct http_request *request); /* "GET" */
const char *http_path(const struct http_request *request);   /* decoded, without the query */
/* As it was sent, so that %2F in a name is no slash. */
const char *http_raw_path(const struct http_request *request);
/* NULL: there is none. The first of several. */
const char *http_query(const struct http_request *request, const char *name);
/* Of each parameter, in the order they were sent. */
void http_each_query(const struct http_request *request,
                     void (*visit)(void *arg, const char *name, const char *value), void *arg);
const char *http_header(const struct http_request *request, const char *name);
struct ct_str http_body(const struct http_request *request);
/* Common name of the client's certificate, checked against `ca_file`; NULL: it showed none. */
const char *http_certified_name(const struct http_request *request);
/* Address of the peer, for logs. */
const char *http_peer(const struct http_request *request);

/* For an answer that comes later: `gone` is called instead when the client leaves before it, or the
 * server closes (the request must not be used any more then). NULL: forget it. */
void http_on_gone(struct http_request *request, void (*gone)(void *arg), void *arg);
/* Of the answer, before it is given; copied. */
void http_set_header(struct http_request *request, const char *name, const char *value);
/* Ends the request. `type` is a media type; the body is copied. */
void http_answer(struct http_request *request, unsigned status, const char *type,
                 struct ct_str body);

/* --- an answer without end: text/event-stream --- */

/* Neither is called from inside of the functions below. */
struct http_feed_calls {
    /* The client has taken all that there was: append what follows, some kilobytes at a time.
     * Nothing appended: it is asked again after http_feed_wake. */
    void (*fill)(void *arg, struct ct_buf *out);
    /* Exactly once: the client left or took nothing for the idle time, the feed ended and all is
     * written, or the server closes (from inside of http_close). The feed is freed after it. */
    void (*gone)(void *arg);
    void *arg;
};

struct http_feed *http_feed_begin(struct http_request *request, const char *type,
                                  const struct http_feed_calls *calls);
/* There is more to fill in. Cheap when it was not waiting. */
void http_feed_wake(struct http_feed *feed);
/* After what was filled in so far. */
void http_feed_end(struct http_feed *feed);

#endif
