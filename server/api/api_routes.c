/* The table, and finding a row. See api_routes.h. */
#include "server/api/api_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/url.h"

/* What every command takes. */
#define COMMON_PARAMS "prefix dialect"
#define CHOSEN        "name reason data data-contains older newer limit"

const struct api_route api_routes[] = {
    {"GET", "/queues", ACCESS_VIEWER, "queue", "ls", "", NULL, API_ASK,
     "Queues, and how many jobs they hold in each state"},
    {"GET", "/queues/{queue}", ACCESS_VIEWER, "queue", "show", "", NULL, API_ASK,
     "One queue: counts, whether it is paused, workers"},
    {"GET", "/queues/{queue}/stats", ACCESS_VIEWER, "stats", NULL, "", NULL, API_ASK,
     "Rates, waiting and run times, memory, forecast"},
    {"POST", "/queues/{queue}/pause", ACCESS_OPERATOR, "queue", "pause", "", NULL, API_ASK,
     "Stop fetching, for all its workers"},
    {"POST", "/queues/{queue}/resume", ACCESS_OPERATOR, "queue", "resume", "", NULL, API_ASK,
     "Go on with a paused queue"},
    {"POST", "/queues/{queue}/drain", ACCESS_ADMIN, "queue", "drain", "delayed!", "--yes", API_ASK,
     "Remove all jobs that wait"},
    {"POST", "/queues/{queue}/clean", ACCESS_ADMIN, "queue", "clean", "state older limit", "--yes",
     API_ASK, "Remove old jobs of one state"},
    {"DELETE", "/queues/{queue}", ACCESS_ADMIN, "queue", "obliterate", "force!", "--yes", API_ASK,
     "Remove a queue with all its jobs"},
    {"GET", "/queues/{queue}/jobs", ACCESS_VIEWER, "job", "ls", "state offset limit asc! desc!",
     NULL, API_ASK, "Jobs of a queue, a page of each state"},
    {"POST", "/queues/{queue}/jobs", ACCESS_OPERATOR, "job", "add", "", NULL, API_ADD_JOB,
     "Add a job"},
    {"GET", "/queues/{queue}/jobs/{id}", ACCESS_VIEWER, "job", "show", "", NULL, API_ASK,
     "All that is stored of one job"},
    {"GET", "/queues/{queue}/jobs/{id}/logs", ACCESS_VIEWER, "job", "logs", "tail", NULL, API_ASK,
     "The log of one job"},
    {"POST", "/queues/{queue}/jobs/{id}/retry", ACCESS_OPERATOR, "job", "retry", "reset-attempts!",
     "--yes", API_ASK, "Let a failed job wait again"},
    {"POST", "/queues/{queue}/jobs/{id}/promote", ACCESS_OPERATOR, "job", "promote", "", "--yes",
     API_ASK, "Let a delayed job run now"},
    {"POST", "/queues/{queue}/jobs/{id}/cancel", ACCESS_OPERATOR, "job", "cancel", "", NULL,
     API_ASK, "Stop an active job, wherever a daemon runs it"},
    {"DELETE", "/queues/{queue}/jobs/{id}", ACCESS_OPERATOR, "job", "rm", "children!", "--yes",
     API_ASK, "Remove a job"},
    {"POST", "/queues/{queue}/retry", ACCESS_OPERATOR, "job", "retry",
     CHOSEN " all! reset-attempts!", "--yes", API_ASK, "Let all failed jobs that fit wait again"},
    {"GET", "/queues/{queue}/schedulers", ACCESS_VIEWER, "scheduler", "ls", "", NULL, API_ASK,
     "Series of a queue: repeatable jobs, job schedulers"},
    {"DELETE", "/queues/{queue}/schedulers/{key}", ACCESS_OPERATOR, "scheduler", "rm", "", "--yes",
     API_ASK, "End a series, with its next job"},
    {"GET", "/queues/{queue}/dead", ACCESS_VIEWER, "dead", "ls", "limit", NULL, API_ASK,
     "Letters of a dead-letter queue"},
    {"POST", "/queues/{queue}/dead/{id}/redrive", ACCESS_OPERATOR, "dead", "redrive", "", "--yes",
     API_ASK, "Put the job of a dead letter back to work"},
    {"GET", "/flows/{queue}/{id}", ACCESS_VIEWER, "flow", "show", "", NULL, API_ASK,
     "The tree of jobs that a job belongs to"},
    {"GET", "/events", ACCESS_VIEWER, "tail", NULL, "queue event prefix", NULL, API_FEED,
     "What happens in queues, as it happens: server-sent events"},
    {"GET", "/workers", ACCESS_VIEWER, "worker", "ls", "", NULL, API_ASK,
     "Workers of this daemon: pools, runners, jobs, memory"},
    {"GET", "/workers/{worker}", ACCESS_VIEWER, "worker", "show", "", NULL, API_ASK,
     "One worker: pools, each runner, how the last one died"},
    {"POST", "/workers/{worker}/pause", ACCESS_OPERATOR, "worker", "pause", "", NULL, API_ASK,
     "Let runners finish what they hold and take nothing more"},
    {"POST", "/workers/{worker}/resume", ACCESS_OPERATOR, "worker", "resume", "", NULL, API_ASK,
     "Let paused runners take jobs again"},
    {"POST", "/workers/{worker}/restart", ACCESS_OPERATOR, "worker", "restart", "", NULL, API_ASK,
     "Replace each runner, the new before the old"},
    {"POST", "/workers/{worker}/drain", ACCESS_ADMIN, "worker", "drain", "", NULL, API_ASK,
     "End a worker when its jobs are done"},
    {"POST", "/workers/{worker}/pools/{pool}/scale/{runners}", ACCESS_OPERATOR, "worker", "scale",
     "", NULL, API_ASK, "Give a pool so many runners"},
};
const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

/* --- paths --- */

/* The next part of a path, without its slash; false: there is none. */
static bool next_part(const char **path, struct ct_str *part)
{
    if (**path != '/')
        return false;
    const char *begin = *path + 1;
    size_t len = strcspn(begin, "/");
    *part = (struct ct_str){begin, len};
    *path = begin + len;
    return true;
}

static bool has_shape(const struct api_route *route, const char *path)
{
    const char *pattern = route->path;
    struct ct_str wanted, part;

    while (next_part(&pattern, &wanted)) {
        if (!next_part(&path, &part) || part.len == 0)
            return false;
        if (wanted.data[0] != '{' && !ct_str_equal(wanted, part))
            return false;
    }
    return *path == '\0';
}

void api_match_free(struct api_match *match)
{
    for (size_t i = 0; i < match->place_count; i++)
        free(match->places[i]);
    match->place_count = 0;
}

static enum ct_code read_places(const char *path, struct api_match *match, struct ct_error *err)
{
    const char *pattern = match->route->path;
    struct ct_str wanted, part;

    while (next_part(&pattern, &wanted) && next_part(&path, &part)) {
        if (wanted.data[0] != '{')
            continue;
        char *text = part.len <= API_TEXT_MAX ? ct_url_decode(part) : NULL;
        if (!text) {
            api_match_free(match);
            return ct_error_set(err, CT_E_INVALID,
                                "'%.*s' of the path is not a name: percent "
                                "signs stand before two hexadecimal digits",
                                (int)(part.len < 60 ? part.len : 60), part.data);
        }
        match->places[match->place_count++] = text;
    }
    return CT_E_OK;
}

enum ct_code api_find(const char *method, const char *raw_path, struct api_match *out,
                      char *allowed, size_t allowed_size, struct ct_error *err)
{
    const char *path = raw_path + strlen(API_PREFIX);
    size_t len = 0;

    *out = (struct api_match){0};
    allowed[0] = '\0';
    for (size_t i = 0; i < api_route_count; i++) {
        if (!has_shape(&api_routes[i], path))
            continue;
        if (strcmp(api_routes[i].method, method) == 0) {
            out->route = &api_routes[i];
            return read_places(path, out, err);
        }
        len += (size_t)snprintf(allowed + len, allowed_size - len, "%s%s", len ? ", " : "",
                                api_routes[i].method);
    }
    if (len > 0)
        return ct_error_set(err, CT_E_CONFLICT, "not with %.20s; allowed: %s", method, allowed);
    return ct_error_set(err, CT_E_NOT_FOUND,
                        "there is nothing at this path; /api/openapi.json has what there is");
}

/* --- parameters --- */

static void each_word(const char *words,
                      void (*visit)(void *arg, const char *name, size_t len, enum api_param kind),
                      void *arg)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        bool is_flag = len > 0 && words[len - 1] == '!';

        if (len > 0)
            visit(arg, words, len - is_flag, is_flag ? API_PARAM_FLAG : API_PARAM_VALUE);
        words += len + (words[len] == ' ');
    }
}

void api_each_param(const struct api_route *route,
                    void (*visit)(void *arg, const char *name, size_t len, enum api_param kind),
                    void *arg)
{
    each_word(route->params, visit, arg);
    if (route->kind != API_FEED && strcmp(route->noun, "worker") != 0)
        each_word(COMMON_PARAMS, visit, arg);
}

struct param_search {
    const char *name;
    enum api_param found;
};

static void param_visit(void *arg, const char *name, size_t len, enum api_param kind)
{
    struct param_search *search = arg;

    if (strlen(search->name) == len && memcmp(search->name, name, len) == 0)
        search->found = kind;
}

enum api_param api_param_of(const struct api_route *route, const char *name)
{
    struct param_search search = {name, API_PARAM_UNKNOWN};

    api_each_param(route, param_visit, &search);
    return search.found;
}
