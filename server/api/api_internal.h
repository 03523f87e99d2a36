/* What the files of the API share:
 *
 *   api.c           who asks, what for, the answer; life
 *   api_routes.c    the table
 *   api_command.c   the command line of a request
 *   api_describe.c  OpenAPI
 *   api_error.c     refusals
 *
 * Beside them: access.c (tokens and certificates), child.c (processes that answer), and the feed of
 * events: event_feed.c (who listens), event_source.c (hears and wakes), event_ring.c (what is
 * kept), event.c (one event).
 *
 * Nobody else includes it. */
#ifndef CT_SERVER_HTTP_API_INTERNAL_H
#define CT_SERVER_HTTP_API_INTERNAL_H

#include "common/buf.h"
#include "server/api/api.h"
#include "server/api/api_routes.h"
#include "server/api/child.h"

/* A request under way. */
struct call {
    struct api *api;
    struct http_request *request;
    struct child *child;
    struct api_match match;
    const char *asker;              /* a name of the access file */
    char *words[API_WORDS_MAX + 1]; /* owned */
    size_t word_count;
    struct ct_buf input;
    struct ct_error err; /* of a parameter */
};

/* --- api_command.c --- */
/* Fills in words and input by route, path, query and body. */
enum ct_code api_command(struct call *call, struct ct_error *err) CT_MUST_CHECK;

#endif
