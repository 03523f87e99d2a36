/* What the files of the server share:
 *
 *   http_server.c   libmicrohttpd on the loop, life
 *   http_listen.c   the socket
 *   http_tls.c      certificates
 *   http_request.c  a request from its first line to its answer
 *   http_routes.c   a table of paths that can only be read
 *   http_feed.c     an answer without end
 *   http_watch.c    whether the client of a suspended connection is still there
 *
 * A connection that has nothing to do is suspended: libmicrohttpd does not look at it, so a watch
 * on the loop does. Nobody else includes this. */
#ifndef CT_HTTP_INTERNAL_H
#define CT_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "common/buf.h"
#include "common/list.h"
#include "http/http.h"

#define HTTP_HEADERS_MAX   8           /* set on an answer */
#define HTTP_MEMORY        (16u << 10) /* bytes of a connection's buffer, so of all its headers */
#define HTTP_BACKLOG       511         /* connections that wait to be accepted */
#define HTTP_PEM_BYTES_MAX (1u << 20)

struct http_tls {
    char *cert, *key, *ca; /* owned; NULL: none */
};

struct http_server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    char *address;     /* owned */
    char *socket_path; /* owned; NULL: TCP */
    struct http_tls tls;
    void (*on_request)(void *ctx, struct http_request *request);
    void *ctx;
    struct ct_list requests; /* all that are open */
    size_t bodies;           /* bytes of their bodies */
    bool is_running;         /* libmicrohttpd is at work further up the stack */
    bool has_resumed;        /* a connection: it is looked at when libmicrohttpd runs next */
    bool is_closing;
    uint32_t handles; /* of the loop, not closed yet */
    void (*closed)(void *ctx);
    void *closed_ctx;
};

enum http_state {
    HTTP_RECEIVING,
    HTTP_REFUSED,  /* its answer is set, what is still sent is dropped */
    HTTP_ASKED,    /* its owner has it */
    HTTP_ANSWERED, /* `response` is to be queued, or is */
    HTTP_GONE,
};

struct http_header {
    char *name, *value; /* owned */
};

struct http_watch;

struct http_request {
    struct ct_list link;
    struct http_server *server;
    struct MHD_Connection *connection;
    enum http_state state;
    bool is_suspended;
    const char *method, *path; /* libmicrohttpd's */
    char *raw_path;            /* owned */
    struct ct_buf body;
    size_t dropped; /* bytes of a body that was too large */
    char peer[INET6_ADDRSTRLEN];
    char *certified_name; /* owned */
    bool is_name_known;
    struct http_header headers[HTTP_HEADERS_MAX];
    uint32_t header_count;
    struct MHD_Response *response; /* owned */
    unsigned status;
    struct http_watch *watch;
    struct http_feed *feed; /* owned */
    void (*gone)(void *arg);
    void *gone_arg;
};

/* --- http_listen.c --- */
/* A listening socket; `*shown` is its address for people, `*path` the file of a Unix socket or
 * NULL. Both for the caller to free. */
enum ct_code http_listen(const char *address, bool is_tls, int *fd, char **shown, char **path,
                         struct ct_error *err) CT_MUST_CHECK;

/* --- http_tls.c --- */
enum ct_code http_tls_read(const struct http_options *options, struct http_tls *tls,
                           struct ct_error *err) CT_MUST_CHECK;
void http_tls_free(struct http_tls *tls);
/* NULL: there is none that the CA vouches for. The caller frees it. */
char *http_tls_certified_name(struct MHD_Connection *connection);

/* --- http_request.c --- */
void *http_on_uri(void *ctx, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_on_access(void *ctx, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **con_cls);
void http_on_completed(void *ctx, struct MHD_Connection *connection, void **con_cls,
                       enum MHD_RequestTerminationCode why);
void http_request_suspend(struct http_request *request);
void http_request_resume(struct http_request *request);
/* The client left while it was suspended. */
void http_request_lost(struct http_request *request);
/* Takes over the response. */
void http_request_respond(struct http_request *request, unsigned status, const char *type,
                          struct MHD_Response *response);

/* --- http_feed.c --- */
void http_feed_lost(struct http_feed *feed);
void http_feed_free(struct http_feed *feed);

/* --- http_watch.c --- */
struct http_watch *http_watch_open(struct http_request *request, int fd);
void http_watch_close(struct http_watch *watch);

/* --- http_server.c --- */
/* A connection was resumed. */
void http_wake(struct http_server *server);
/* A handle of the loop has closed. */
void http_handle_closed(struct http_server *server);

#endif
