/* From a request to a source that it listens to. See event_feed.h. */
#include "server/api/event_feed.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "server/api/api.h"
#include "server/api/child.h"
#include "server/api/event_source.h"

_Static_assert(EVENT_PREFIXES_MAX <= CHILD_MAX, "each source has its tail at once");

#define PREFIX_USUAL "bull"

struct event_feed {
    uv_loop_t *loop;
    struct children *children;                        /* owned; the tails */
    struct event_source *sources[EVENT_PREFIXES_MAX]; /* owned; NULL: a free place */
    uint32_t listener_count;
};

/* --- what is asked for --- */

struct wish {
    const char *prefix;
    struct event_filter filter;
    struct ct_error err;
};

static void wish_take(void *arg, const char *name, const char *value)
{
    struct wish *wish = arg;

    if (wish->err.code != CT_E_OK)
        return;
    if (strcmp(name, "queue") == 0 || strcmp(name, "event") == 0) {
        wish->err.code = event_filter_add(&wish->filter, name, value, &wish->err);
    } else if (strcmp(name, "prefix") != 0) {
        wish->err.code =
            ct_error_set(&wish->err, CT_E_USAGE, "there is no parameter '%.60s' here", name);
    } else if (value[0] == '\0' || strlen(value) > EVENT_PREFIX_MAX) {
        wish->err.code =
            ct_error_set(&wish->err, CT_E_USAGE, "'prefix' has 1 to %d bytes (EVENT_PREFIX_MAX)",
                         EVENT_PREFIX_MAX);
    } else {
        wish->prefix = value;
    }
}

/* --- sources --- */

static void feed_drop(void *ctx, struct event_source *source)
{
    struct event_feed *feed = ctx;

    for (size_t i = 0; i < EVENT_PREFIXES_MAX; i++) {
        if (feed->sources[i] == source)
            feed->sources[i] = NULL;
    }
    event_source_close(source);
}

/* NULL: there are too many others. */
static struct event_source *feed_source(struct event_feed *feed, const char *prefix)
{
    struct event_source **place = NULL;

    for (size_t i = 0; i < EVENT_PREFIXES_MAX; i++) {
        struct event_source **source = &feed->sources[i];

        if (*source && strcmp(event_source_prefix(*source), prefix) == 0)
            return *source;
        if (!*source && !place)
            place = source;
    }
    if (place)
        *place = event_source_open(&(struct event_source_options){
            .loop = feed->loop,
            .children = feed->children,
            .prefix = prefix,
            .idle = feed_drop,
            .ctx = feed,
        });
    return place ? *place : NULL;
}

/* --- a request --- */

static void feed_gone(void *ctx)
{
    ((struct event_feed *)ctx)->listener_count--;
}

static void feed_refuse_busy(struct http_request *request, const char *why)
{
    http_set_header(request, "Retry-After", "10");
    api_refuse(request, 503, "busy", ct_str_of(why));
}

void event_feed_answer(struct event_feed *feed, struct http_request *request)
{
    struct wish wish = {.prefix = PREFIX_USUAL};
    struct event_source *source = NULL;

    http_each_query(request, wish_take, &wish);
    if (wish.err.code != CT_E_OK)
        api_refuse(request, 400, "usage", ct_str_of(wish.err.detail));
    else if (feed->listener_count == EVENT_LISTENERS_MAX)
        feed_refuse_busy(request, "too many listen already (EVENT_LISTENERS_MAX)");
    else if (!(source = feed_source(feed, wish.prefix)))
        feed_refuse_busy(request, "too many other prefixes are listened to (EVENT_PREFIXES_MAX)");
    if (!source) {
        event_filter_free(&wish.filter);
        return;
    }
    feed->listener_count++;
    http_set_header(request, "X-Accel-Buffering", "no"); /* of a proxy on the way */
    event_source_listen(source, &(struct event_listener){
                                    .request = request,
                                    .filter = wish.filter,
                                    .last_place = http_header(request, "Last-Event-ID"),
                                    .gone = feed_gone,
                                    .ctx = feed,
                                });
}

/* --- life --- */

struct event_feed *event_feed_open(uv_loop_t *loop, const char *program,
                                   const char *const *environment)
{
    struct event_feed *feed = ct_zalloc(sizeof *feed);

    feed->loop = loop;
    feed->children = children_open(loop, program, environment);
    return feed;
}

uint32_t event_feed_listeners(const struct event_feed *feed)
{
    return feed->listener_count;
}

void event_feed_close(struct event_feed *feed)
{
    ct_assert(feed->listener_count == 0);
    for (size_t i = 0; i < EVENT_PREFIXES_MAX; i++) {
        if (feed->sources[i])
            event_source_close(feed->sources[i]);
    }
    children_close(feed->children);
    free(feed);
}
