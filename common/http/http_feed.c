/* An answer without end. Its owner is asked for more when the client has taken all that there was,
 * so a slow client keeps one filling here and no more; while there is nothing, the connection is
 * suspended. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "http/http_internal.h"

#define FEED_BLOCK_BYTES 8192

struct http_feed {
    struct http_request *request;
    struct http_feed_calls calls;
    struct ct_buf pending; /* filled in, not taken yet */
    bool is_ended;         /* after what is pending */
    bool is_lost;
};

static ssize_t feed_read(void *ctx, uint64_t position, char *bytes, size_t max)
{
    struct http_feed *feed = ctx;

    if (feed->is_lost)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (feed->pending.len == 0 && !feed->is_ended)
        feed->calls.fill(feed->calls.arg, &feed->pending);
    size_t len = feed->pending.len < max ? feed->pending.len : max;
    if (len == 0 && feed->is_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (len == 0) {
        http_request_suspend(feed->request);
        return 0;
    }
    memcpy(bytes, ct_buf_data(&feed->pending), len);
    ct_buf_consume(&feed->pending, len);
    return (ssize_t)len;
}

struct http_feed *http_feed_begin(struct http_request *request, const char *type,
                                  const struct http_feed_calls *calls)
{
    struct http_feed *feed = ct_zalloc(sizeof *feed);

    feed->request = request;
    feed->calls = *calls;
    request->feed = feed;
    http_request_respond(request, MHD_HTTP_OK, type,
                         MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK_BYTES,
                                                           feed_read, feed, NULL));
    return feed;
}

void http_feed_wake(struct http_feed *feed)
{
    http_request_resume(feed->request);
}

void http_feed_end(struct http_feed *feed)
{
    feed->is_ended = true;
    http_request_resume(feed->request);
}

void http_feed_lost(struct http_feed *feed)
{
    feed->is_lost = true;
}

void http_feed_free(struct http_feed *feed)
{
    const struct http_feed_calls calls = feed->calls;

    ct_buf_free(&feed->pending);
    free(feed);
    calls.gone(calls.arg);
}
