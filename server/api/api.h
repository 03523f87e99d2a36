/* The JSON API: what cartrita-q can do, for programs that have a token. A request becomes a command
 * line, a child process answers it, and its JSON is the answer. Owned by the daemon's HTTP. */
#ifndef CT_SERVER_HTTP_API_H
#define CT_SERVER_HTTP_API_H

#include "http/http.h"

#define API_BODY_OPTS_MAX (64u << 10) /* bytes of a job's opts: they travel on a command line */

struct api;

struct api_options {
    uv_loop_t *loop;
    const char *tokens_file; /* NULL: the API is off, and says so */
    const char *redis_file;  /* its first line is the URL for its children; NULL: the daemon's */
};

enum ct_code api_open(const struct api_options *options, struct api **out,
                      struct ct_error *err) CT_MUST_CHECK;
/* Where its children find Redis (with its password) and the daemon. */
void api_begin(struct api *api, const char *redis_url, const char *server);
/* Clients of /api/v1/events. */
uint32_t api_listeners(const struct api *api);
/* After the HTTP server is closed: no request is left. Frees. */
void api_close(struct api *api);

/* Whether the path is the API's; if so it is answered, now or later. */
bool api_answer(struct api *api, struct http_request *request);

/* --- api_describe.c: OpenAPI 3.1 --- */
void api_describe(struct http_request *request);
/* --- api_error.c: {"error": {"code", "message"}} --- */
void api_refuse(struct http_request *request, unsigned status, const char *code,
                struct ct_str message);

#endif
