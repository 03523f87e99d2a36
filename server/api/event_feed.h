/* /api/v1/events: what happens in queues, as it happens (text/event-stream), for any number of
 * listeners up to a bound. Owned by the API. */
#ifndef CT_SERVER_API_EVENT_FEED_H
#define CT_SERVER_API_EVENT_FEED_H

#include "common/error.h"
#include "http/http.h"

#define EVENT_LISTENERS_MAX 1536 /* of HTTP_CONNECTIONS_MAX: scrapes and questions need some */
#define EVENT_PREFIXES_MAX  4    /* each has a source, while somebody listens */
#define EVENT_PREFIX_MAX    256  /* bytes */

struct event_feed;

/* As children_open takes them. */
struct event_feed *event_feed_open(uv_loop_t *loop, const char *program,
                                   const char *const *environment);
/* Answers, or refuses. */
void event_feed_answer(struct event_feed *feed, struct http_request *request);
uint32_t event_feed_listeners(const struct event_feed *feed);
/* After the HTTP server is closed: nobody listens. Frees. */
void event_feed_close(struct event_feed *feed);

#endif
