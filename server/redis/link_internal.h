/* What the files of a link share: link.c (life, what is sent and answered), call.c (one
 * request), connection.c (resolve, connect, read, write), connection_tls.c
 * (the same in TLS), handshake.c (what is said before the
 * first call). Nobody else includes this. */
#ifndef CT_REDIS_LINK_INTERNAL_H
#define CT_REDIS_LINK_INTERNAL_H

#include "common/list.h"
#include "redis/link.h"
#include "redis/reply_reader.h"
#include "redis/tls.h"

#define REDIS_CALL_HEAD_MAX 96

struct redis_call {
    struct ct_list link; /* in redis_link.calls, in the order of the answers; or in .refused */
    const struct redis_script *script;
    char head[REDIS_CALL_HEAD_MAX]; /* everything in front of `body` */
    size_t head_len;
    struct ct_buf body; /* owned; kept until the answer, for a script may be sent again */
    char *channel;      /* owned; that it subscribes to; NULL: it is no subscription */
    uint32_t argc;
    redis_done_fn done; /* NULL: nobody waits */
    void *arg;
    uint64_t sent_ms;
    bool is_writing; /* the loop still holds `head` and `body` */
    bool is_answered;
    bool has_source; /* sent as EVAL */
    uv_write_t write;
};

struct redis_channel {
    struct ct_list link;
    char *name; /* owned */
    bool is_pattern;
};

/* One try: from connect to close. Lives until its handle is closed. */
struct redis_connection {
    struct redis_link *link; /* borrowed; NULL once the link has given it up */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } as;
    uv_connect_t connect;
    struct reply_reader *reader; /* owned */
    struct redis_tls *tls;       /* owned; NULL: plain */
    bool is_secured;             /* the handshake is over */
};

/* A name being resolved. Lives until its callback. */
struct redis_lookup {
    struct redis_link *link; /* borrowed; NULL once the link has given it up */
    uv_getaddrinfo_t request;
};

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_GREETING, LINK_UP, LINK_CLOSING };

enum greeting {
    GREETING_AUTH,
    GREETING_PING,
    GREETING_SELECT,
    GREETING_NAME,
    GREETING_ID,
    GREETING_COUNT
};

struct redis_link {
    uv_loop_t *loop;
    const struct ct_redis_url *url;
    const struct ct_random *random;
    char *client_name; /* owned; may be NULL */
    uint64_t reply_timeout_ms;
    void (*on_up)(void *ctx);
    void (*on_down)(void *ctx, const struct ct_error *why);
    void (*on_message)(void *ctx, struct ct_str channel, struct ct_str payload);
    void (*on_refused)(void *ctx, struct ct_str channel, const struct ct_error *why);
    void *ctx;

    enum link_state state;
    uv_timer_t timer;   /* the next try, the end of this try, or the end of patience */
    uv_timer_t refusal; /* answers `refused` outside of redis_link_call */
    int handles_open;
    bool is_subscriber; /* has subscribed once: takes no calls */
    uint64_t backoff_ms;
    uint64_t up_since_ms;                /* 0: not since the last failure */
    uint64_t failures;                   /* lost or refused, ever */
    struct ct_error down_reason;         /* of the last one */
    struct redis_connection *connection; /* owned until it is closed; NULL: none */
    struct redis_lookup *lookup;         /* owned until its callback; NULL: none */
    struct addrinfo *addresses;          /* owned; found for this try */
    struct addrinfo *address_next;

    enum greeting greetings[GREETING_COUNT]; /* asked and not answered, in order */
    int greeting_count, greeting_at;
    int64_t client_id;
    bool has_warned_name, has_warned_id;

    struct ct_list calls;   /* sent, in order */
    struct ct_list refused; /* to be told that the link is down */
    struct ct_error write_failed;
    struct ct_list channels; /* struct redis_channel */

    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- connection.c --- */
void connection_try(struct redis_link *link);
void connection_write(struct redis_link *link, struct redis_call *call);
/* Ends the present try or connection without telling anybody. */
void connection_drop(struct redis_link *link);

/* --- connection_tls.c --- */
/* Begins TLS on a socket that is connected; link_connected follows, or link_lost. */
void connection_secure(struct redis_connection *connection);
/* Whether the TLS handshake has begun and is not over. */
bool connection_is_securing(const struct redis_link *link);
void connection_take_secured(struct redis_connection *connection, const char *bytes, size_t len);
void connection_write_secured(struct redis_link *link, const struct redis_call *call);

/* --- connection.c, for connection_tls.c --- */
void connection_parse(struct redis_connection *connection, const char *bytes, size_t len);

/* --- handshake.c --- */
void handshake_begin(struct redis_link *link);
/* One answer; calls link_is_up or link_lost when it decides. */
void handshake_answer(struct redis_link *link, const struct redis_reply *reply);
void handshake_subscribe(struct redis_link *link, const char *verb, const char *channel);

/* --- link.c --- */
void link_connected(struct redis_link *link);
void link_is_up(struct redis_link *link);
void link_lost(struct redis_link *link, const struct ct_error *why);
void link_reply(struct redis_link *link, const struct redis_reply *reply);

/* --- call.c --- */
/* Takes the command's content; `done` NULL: nobody waits. */
struct redis_call *call_new(struct redis_command *command, redis_done_fn done, void *arg);
void call_free(struct redis_call *call);
/* Again, after `has_source` has changed. */
void call_write_head(struct redis_call *call);
/* The one answer. The call's memory stays while the loop still writes from it. */
void call_answer(struct redis_call *call, const struct redis_reply *reply,
                 const struct ct_error *err);
void calls_fail(struct ct_list *calls, const struct ct_error *err);
/* The socket took its bytes, or never will. */
void call_written(struct redis_call *call);

#endif
