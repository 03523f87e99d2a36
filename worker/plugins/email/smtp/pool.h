/* Connections to the mail server, kept open between jobs: each is a handle of libcurl with at most
 * one connection, lent to one sender at a time. The one given back last is lent first, so that few
 * are kept busy and the others grow old. Any thread. */
#ifndef EMAIL_SMTP_POOL_H
#define EMAIL_SMTP_POOL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "cartrita/sdk/call.h"
#include "settings.h"

struct smtp_pool;

struct smtp_line {
    CURL *curl;   /* owned by the pool; options of the server are set */
    int64_t sent; /* mails on its present connection; 0: it may have none */
    struct smtp_line *next;
};

/* Checks the server's settings; `settings` is borrowed until close. Connects to nothing. */
bool smtp_pool_open(const struct email_settings *settings, struct smtp_pool **out,
                    struct sdk_error *error);
/* Says goodbye on each connection. NULL is allowed. */
void smtp_pool_close(struct smtp_pool *pool);

/* Waits while all are lent; NULL with call->error when the job should stop, or memory is out. */
struct smtp_line *smtp_pool_lend(struct smtp_pool *pool, struct sdk_call *call);
void smtp_pool_return(struct smtp_pool *pool, struct smtp_line *line);

const struct email_settings *smtp_pool_settings(const struct smtp_pool *pool);
/* "host:port", for people. */
const char *smtp_pool_server(const struct smtp_pool *pool);

#endif
