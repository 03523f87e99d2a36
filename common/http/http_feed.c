/* An answer without end. What the client has not taken yet is kept here; while there is nothing,
 * the connection is suspended. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/assert.h"
#include "common/mem.h"
#include "http/http_internal.h"

#define FEED_BLOCK_BYTES 8192

struct http_feed {
    struct http_request *request;
    struct ct_buf pending;
    bool is_ended; /* after what is pending */
    bool is_cut;   /* at once */
    void (*gone)(void *arg);
    void *gone_arg;
};

static ssize_t feed_read(void *ctx, uint64_t position, char *bytes, size_t max)
{
    struct http_feed *feed = ctx;
    size_t len = feed->pending.len < max ? feed->pending.len : max;

    if (feed->is_cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
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
                                  void (*gone)(void *arg), void *arg)
{
    struct http_feed *feed = ct_zalloc(sizeof *feed);

    feed->request = request;
    feed->gone = gone;
    feed->gone_arg = arg;
    request->feed = feed;
    http_request_respond(request, MHD_HTTP_OK, type,
                         MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK_BYTES,
                                                           feed_read, feed, NULL));
    return feed;
}

/* libmicrohttpd waits for a client that takes nothing, and looks at it again only when its socket
 * is woken. */
static void feed_cut(struct http_feed *feed)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(feed->request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    feed->is_cut = true;
    ct_buf_free(&feed->pending);
    if (feed->request->is_suspended)
        http_request_resume(feed->request);
    else
        shutdown(info->connect_fd, SHUT_RDWR);
}

bool http_feed_write(struct http_feed *feed, struct ct_str bytes)
{
    if (feed->is_cut || feed->is_ended)
        return false;
    if (feed->pending.len + bytes.len > HTTP_FEED_BACKLOG) {
        feed_cut(feed);
        return false;
    }
    ct_buf_append_str(&feed->pending, bytes);
    http_request_resume(feed->request);
    return true;
}

void http_feed_end(struct http_feed *feed)
{
    feed->is_ended = true;
    http_request_resume(feed->request);
}

void http_feed_lost(struct http_feed *feed)
{
    feed->is_cut = true;
}

void http_feed_free(struct http_feed *feed)
{
    void (*gone)(void *arg) = feed->gone;
    void *arg = feed->gone_arg;

    ct_buf_free(&feed->pending);
    free(feed);
    if (gone)
        gone(arg);
}
