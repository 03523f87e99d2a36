/* One connection to Redis that stays up: resolves, connects, authenticates, selects the database,
 * names itself, and does it again with backoff when it is lost. The only part (with script.c and
 * reply.c) that knows hiredis. Nothing here blocks.
 *
 * Calls are answered in order, each exactly once, never from inside redis_link_call: with the
 * reply, or with an error and no reply when the link was lost (whether Redis has carried the
 * command out is then unknown) or down. */
#ifndef CT_REDIS_LINK_H
#define CT_REDIS_LINK_H

#include <uv.h>

#include "common/random.h"
#include "common/url.h"
#include "redis/command.h"
#include "redis/reply.h"

struct redis_link;

#define REDIS_CONNECT_TIMEOUT_MS 5000
#define REDIS_RECONNECT_MIN_MS   20
#define REDIS_RECONNECT_MAX_MS   2000
/* A command link that owes a reply this long is taken for dead and reconnected. */
#define REDIS_REPLY_TIMEOUT_MS 30000

/* `reply` is borrowed during the call; an error reply comes as `err` (its code and text) with
 * reply NULL. */
typedef void (*redis_done_fn)(void *arg, const struct redis_reply *reply,
                              const struct ct_error *err);

struct redis_link_options {
    uv_loop_t *loop;                /* borrowed */
    const struct ct_redis_url *url; /* borrowed for the link's life */
    const struct ct_random *random; /* borrowed: jitter */
    const char *client_name;        /* CLIENT SETNAME at every connect; NULL: none; copied */
    uint64_t reply_timeout_ms;      /* 0: none (blocking and subscribing links) */
    void (*on_up)(void *ctx);       /* ready for calls; may be NULL */
    /* Lost or refused; told at every failed try, with the reason a user can act on. */
    void (*on_down)(void *ctx, const struct ct_error *why);
    /* A message on a subscribed channel; may be NULL when nothing is subscribed. `payload` absent:
     * the subscription to this channel or pattern has come into force (again). */
    void (*on_message)(void *ctx, struct ct_str channel, struct ct_str payload);
    /* Redis does not let this user subscribe to it; may be NULL. */
    void (*on_refused)(void *ctx, struct ct_str channel, const struct ct_error *why);
    void *ctx;
};

struct redis_link *redis_link_open(const struct redis_link_options *options);
bool redis_link_is_up(const struct redis_link *link);

/* Takes the command's content (it is empty afterwards; fini stays the caller's). A script that
 * Redis does not know is sent again with its source, invisibly. */
void redis_link_call(struct redis_link *link, struct redis_command *command, redis_done_fn done,
                     void *arg);

/* Kept over reconnects. A link that subscribes takes no calls. */
void redis_link_subscribe(struct redis_link *link, const char *channel);
/* All channels that match Redis's glob `pattern`. */
void redis_link_subscribe_pattern(struct redis_link *link, const char *pattern);
/* Of a channel. */
void redis_link_unsubscribe(struct redis_link *link, const char *channel);

/* The id that CLIENT ID gave for the present connection, 0 when down or unknown. */
int64_t redis_link_client_id(const struct redis_link *link);

/* Unanswered calls get CLOSED. Frees, then calls `closed` (may be NULL). */
void redis_link_close(struct redis_link *link, void (*closed)(void *ctx), void *ctx);

/* For programs without a loop of their own (the CLI): runs the link's loop until this call is
 * answered. *reply (NULL allowed) is the caller's, freed with redis_reply_free. */
enum ct_code redis_link_call_wait(struct redis_link *link, struct redis_command *command,
                                  uint64_t timeout_ms, struct redis_reply **reply,
                                  struct ct_error *err) CT_MUST_CHECK;

#endif
