/* The supervisor's own link to the daemon, over which it reports dead runners: one casualty for
 * each job that was running, then the obituary. What cannot be said now, because the daemon is
 * away, is kept (bounded) and said when it is back. Called by slot.c; never touches job data. */
#ifndef WORKER_UNDERTAKER_H
#define WORKER_UNDERTAKER_H

#include <uv.h>

#include "common/error.h"
#include "common/list.h"
#include "proto/client.h"

#define UNDERTAKER_KEPT_MAX    1000u /* obituaries kept while the daemon is away; the oldest goes */
#define UNDERTAKER_FLUSH_MS    1000u
#define UNDERTAKER_PATIENCE_MS 3000u /* a daemon that just starts may take so long */
#define UNDERTAKER_REASON_MAX  512u

/* A job that is charged. Its texts are owned. */
struct undertaker_casualty {
    char *queue, *id, *reason;
    char *stack; /* an entry for its stack trace; NULL: none */
};

struct undertaker {
    struct proto_client *client; /* owned */
    const char *address;         /* borrowed */
    uv_timer_t patience;
    bool was_up;
    bool is_older_told; /* on this connection: that the daemon does not know a message of ours */
    char why[CT_ERROR_DETAIL_MAX]; /* it cannot be reached, while that is not told */
    struct ct_list kept;           /* struct obituary */
    size_t kept_count;
    /* Of whoever else speaks over this link; all NULL: nobody. */
    void (*on_up)(void *ctx);
    void (*on_message)(void *ctx, const struct proto_message *message);
    void *listener;
    void (*closed)(void *ctx);
    void *ctx;
};

enum ct_code undertaker_open(struct undertaker *undertaker, uv_loop_t *loop, const char *address,
                             const char *worker, struct ct_error *err) CT_MUST_CHECK;
void undertaker_close(struct undertaker *undertaker, void (*closed)(void *ctx), void *ctx);

/* The link is the supervisor's only one: `on_up` comes first on each new connection, `on_message`
 * with each message but errors. */
void undertaker_listen(struct undertaker *undertaker, void (*on_up)(void *ctx),
                       void (*on_message)(void *ctx, const struct proto_message *message),
                       void *ctx);
bool undertaker_is_up(const struct undertaker *undertaker);
/* False when the connection is down: nothing is kept for later. */
bool undertaker_send(struct undertaker *undertaker, const struct proto_message *message);

/* A runner is dead, and these jobs pay for it. Takes over `casualties` (allocated; NULL for none)
 * and their texts; the others are copied. */
void undertaker_report(struct undertaker *undertaker, const char *runner, const char *reason,
                       struct undertaker_casualty *casualties, size_t count);

#endif
