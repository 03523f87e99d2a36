/* The API as a table: each row is a path and a method, who may use it, and the command of
 * cartrita-q that answers it. api.c runs it, api_describe.c describes it. Pure. */
#ifndef CT_SERVER_HTTP_API_ROUTES_H
#define CT_SERVER_HTTP_API_ROUTES_H

#include "common/error.h"
#include "server/api/access.h"

#define API_PREFIX     "/api/v1"
#define API_PLACES_MAX 3    /* {queue}, {id}: of a path */
#define API_PARAMS_MAX 24   /* of a row, and those that all have */
#define API_WORDS_MAX  64   /* of a command line */
#define API_TEXT_MAX   4096 /* bytes of a value in path or query */

/* What becomes of a request: a command; one that takes a job from the body; the feed of events. */
enum api_kind { API_ASK, API_ADD_JOB, API_FEED };

struct api_route {
    const char *method, *path; /* below API_PREFIX */
    enum access_role role;
    const char *noun, *verb; /* verb NULL: the noun alone */
    const char *params;      /* options it takes, apart by blanks; NAME! is one without a value */
    const char *fixed;       /* an option it always gets; NULL: none */
    enum api_kind kind;
    const char *about;
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* A matched path: its places, decoded. */
struct api_match {
    const struct api_route *route;
    char *places[API_PLACES_MAX]; /* owned */
    size_t place_count;
};

/* NOT_FOUND: no such path. CONFLICT: not with this method; `allowed` (of `allowed_size` bytes) then
 * has those that are. The caller frees the match when it is OK. */
enum ct_code api_find(const char *method, const char *raw_path, struct api_match *out,
                      char *allowed, size_t allowed_size, struct ct_error *err) CT_MUST_CHECK;
void api_match_free(struct api_match *match);

enum api_param { API_PARAM_UNKNOWN, API_PARAM_VALUE, API_PARAM_FLAG };
enum api_param api_param_of(const struct api_route *route, const char *name);
/* Calls `visit` for each option that the route takes. */
void api_each_param(const struct api_route *route,
                    void (*visit)(void *arg, const char *name, size_t len, enum api_param kind),
                    void *arg);

#endif
