/* A request's way through the API: who asks, what for, the command line, the child, the answer. See
 * api.h. */
#include "server/api/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/program.h"
#include "common/url.h"
#include "server/api/api_internal.h"
#include "server/api/event_feed.h"

struct api {
    uv_loop_t *loop;
    bool is_on;
    struct access access;
    char *redis_url;           /* owned; NULL: the daemon's own */
    struct children *children; /* owned; since api_begin */
    struct event_feed *feed;   /* owned; since api_begin */
};

static void call_free(struct call *call)
{
    for (size_t i = 0; i < call->word_count; i++)
        free(call->words[i]);
    api_match_free(&call->match);
    ct_buf_free(&call->input);
    free(call);
}

/* --- the answer --- */

struct outcome {
    unsigned status;
    const char *code;
};

/* By the exit status of cartrita-q. */
static const struct outcome outcomes[] = {
    {200, "ok"},       {500, "failed"},      {400, "usage"},   {404, "not_found"},
    {409, "conflict"}, {503, "unavailable"}, {502, "refused"}, {504, "timeout"},
};

static unsigned call_answer(struct call *call, const struct child_result *result)
{
    const bool is_known =
        result->status >= 0 && (size_t)result->status < sizeof outcomes / sizeof *outcomes;
    const struct outcome outcome = outcomes[is_known ? result->status : 1];

    switch (result->end) {
    case CHILD_LATE:
        api_refuse(call->request, 504, "timeout", CT_STR_LIT("it took longer than CHILD_TIME_MS"));
        return 504;
    case CHILD_TOO_LARGE:
        api_refuse(call->request, 502, "too_large",
                   CT_STR_LIT("the answer is over CHILD_OUT_MAX: ask for less, with limit"));
        return 502;
    case CHILD_BROKEN:
        api_refuse(call->request, 500, "failed", CT_STR_LIT("cartrita-q did not run; see the log"));
        return 500;
    case CHILD_EXITED:
        break;
    }
    if (outcome.status != 200) {
        api_refuse(call->request, outcome.status, outcome.code, child_complaint(result));
        return outcome.status;
    }
    const unsigned status = call->match.route->kind == API_ADD_JOB ? 201 : 200;
    http_answer(call->request, status, "application/json",
                result->out.len > 0 ? result->out : CT_STR_LIT("{}\n"));
    return status;
}

static void call_done(void *ctx, const struct child_result *result)
{
    struct call *call = ctx;
    /* The request is over with its answer, and the log tells who changed what. */
    char *path = ct_strdup(http_raw_path(call->request));
    char *peer = ct_strdup(http_peer(call->request));

    http_on_gone(call->request, NULL, NULL);
    const unsigned status = call_answer(call, result);
    if (strcmp(call->match.route->method, "GET") != 0)
        ct_log_info("API", CT_STR("who", call->asker), CT_STR("from", peer),
                    CT_STR("method", call->match.route->method), CT_STR("path", path),
                    CT_INT("status", status));
    free(peer);
    free(path);
    call_free(call);
}

static void call_gone(void *arg)
{
    struct call *call = arg;

    child_cancel(call->child);
    call_free(call);
}

/* --- a request --- */

static enum access_role allowed_role(const struct access_entry *entry)
{
    return entry ? entry->role : ACCESS_NOBODY;
}

static void refuse_error(struct http_request *request, const struct ct_error *err)
{
    unsigned status = err->code == CT_E_NOT_FOUND   ? 404
                      : err->code == CT_E_CONFLICT  ? 405
                      : err->code == CT_E_TOO_LARGE ? 413
                                                    : 400;
    const char *code = status == 404   ? "not_found"
                       : status == 405 ? "method"
                       : status == 413 ? "too_large"
                                       : "usage";

    api_refuse(request, status, code, ct_str_of(err->detail));
}

static bool is_json(struct http_request *request)
{
    const char *type = http_header(request, "Content-Type");

    return http_body(request).len == 0 || (type && strncmp(type, "application/json", 16) == 0);
}

static void api_run(struct api *api, struct http_request *request, const struct access_entry *entry,
                    struct api_match *match)
{
    struct call *call = ct_zalloc(sizeof *call);
    struct ct_error err;

    call->api = api;
    call->request = request;
    call->match = *match;
    call->asker = entry->name;
    if (api_command(call, &err) != CT_E_OK) {
        refuse_error(request, &err);
        call_free(call);
        return;
    }
    const struct child_order order = {
        .argv = (const char *const *)call->words,
        .input = ct_buf_str(&call->input),
        .done = call_done,
        .ctx = call,
    };
    http_on_gone(request, call_gone, call);
    call->child = children_run(api->children, &order);
    if (call->child)
        return;
    http_on_gone(request, NULL, NULL);
    http_set_header(request, "Retry-After", "1");
    api_refuse(request, 503, "busy",
               CT_STR_LIT("too many requests wait (CHILD_QUEUE_MAX); try again"));
    call_free(call);
}

static void api_find_and_run(struct api *api, struct http_request *request,
                             const struct access_entry *entry)
{
    struct api_match match;
    struct ct_error err;
    char allowed[64];

    if (api_find(http_method(request), http_raw_path(request), &match, allowed, sizeof allowed,
                 &err) != CT_E_OK) {
        if (allowed[0])
            http_set_header(request, "Allow", allowed);
        refuse_error(request, &err);
        return;
    }
    if (allowed_role(entry) < match.route->role) {
        char text[160];
        snprintf(text, sizeof text, "%s has the role %s; this needs %s", entry->name,
                 access_role_text(entry->role), access_role_text(match.route->role));
        api_refuse(request, 403, "role", ct_str_of(text));
        api_match_free(&match);
        return;
    }
    if (!is_json(request)) {
        api_refuse(request, 415, "media_type", CT_STR_LIT("a body must be application/json"));
        api_match_free(&match);
        return;
    }
    if (match.route->kind != API_FEED) {
        api_run(api, request, entry, &match);
        return;
    }
    api_match_free(&match);
    event_feed_answer(api->feed, request);
}

bool api_answer(struct api *api, struct http_request *request)
{
    const char *path = http_raw_path(request);

    if (strncmp(path, "/api/", 5) != 0)
        return false;
    if (!api->is_on) {
        api_refuse(request, 404, "off",
                   CT_STR_LIT("the API is off: start the daemon with "
                              "--api-tokens FILE"));
        return true;
    }
    if (strcmp(path, "/api/openapi.json") == 0) {
        api_describe(request);
        return true;
    }
    const struct access_entry *entry = access_find(&api->access, request);
    if (!entry) {
        http_set_header(request, "WWW-Authenticate", "Bearer");
        api_refuse(request, 401, "token",
                   CT_STR_LIT("give a token that --api-tokens knows: Authorization: Bearer TOKEN"));
    } else if (strncmp(path, API_PREFIX "/", sizeof API_PREFIX) == 0) {
        api_find_and_run(api, request, entry);
    } else {
        api_refuse(request, 404, "not_found", CT_STR_LIT("the API is below " API_PREFIX));
    }
    return true;
}

/* --- life --- */

/* The daemon's user of Redis may be one that cannot do all that the API can. */
static enum ct_code api_read_redis(const char *path, char **out, struct ct_error *err)
{
    char text[API_TEXT_MAX];
    struct ct_redis_url url;
    FILE *file = fopen(path, "re");

    if (!file)
        return ct_error_set(err, CT_E_SYSTEM, "cannot read %.160s: %s", path, strerror(errno));
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    enum ct_code rc = ct_redis_url_parse(text, &url, err);
    if (rc == CT_E_OK) {
        *out = ct_strdup(text);
        ct_redis_url_free(&url);
    }
    explicit_bzero(text, sizeof text);
    return rc;
}

enum ct_code api_open(const struct api_options *options, struct api **out, struct ct_error *err)
{
    struct api *api = ct_zalloc(sizeof *api);
    enum ct_code rc = CT_E_OK;

    api->loop = options->loop;
    api->is_on = options->tokens_file != NULL;
    if (api->is_on)
        rc = access_load(options->tokens_file, &api->access, err);
    if (rc != CT_E_OK)
        ct_error_wrap(err, "--api-tokens");
    if (rc == CT_E_OK && options->redis_file) {
        rc = api_read_redis(options->redis_file, &api->redis_url, err);
        if (rc != CT_E_OK)
            ct_error_wrap(err, "--api-redis-file");
    }
    if (rc != CT_E_OK) {
        access_free(&api->access);
        free(api);
        return rc;
    }
    *out = api;
    return CT_E_OK;
}

void api_begin(struct api *api, const char *redis_url, const char *server)
{
    char *program = ct_program_beside("cartrita-q");
    char *redis = ct_asprintf("CARTRITA_REDIS_URL=%s", api->redis_url ? api->redis_url : redis_url);
    char *daemon = ct_asprintf("CARTRITA_SERVER=%s", server);
    const char *path = getenv("PATH");
    char *search = ct_asprintf("PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");
    /* No profile of anybody's counts. */
    const char *const environment[] = {
        redis,          daemon, search, "XDG_CONFIG_HOME=/nonexistent", "HOME=/nonexistent",
        "LANG=C.UTF-8", NULL};

    api->children = children_open(api->loop, program, environment);
    api->feed = event_feed_open(api->loop, program, environment);
    free(search);
    free(daemon);
    explicit_bzero(redis, strlen(redis));
    free(redis);
    free(program);
}

uint32_t api_listeners(const struct api *api)
{
    return api->feed ? event_feed_listeners(api->feed) : 0;
}

void api_close(struct api *api)
{
    if (api->children)
        children_close(api->children);
    if (api->feed)
        event_feed_close(api->feed);
    access_free(&api->access);
    if (api->redis_url)
        explicit_bzero(api->redis_url, strlen(api->redis_url));
    free(api->redis_url);
    free(api);
}
