/* What stands in for the daemon in a replay: listens on a socket of its own, gives the one job to
 * the runner that asks for it, and tells what the runner and its supervisor say of it. */
#ifndef WORKER_REPLAY_PEER_H
#define WORKER_REPLAY_PEER_H

#include <uv.h>

#include "common/list.h"
#include "proto/codec.h"
#include "worker/replay/job.h"

#define PEER_CONNECTIONS_MAX 4 /* the runner's, the supervisor's, and one more of each */

enum peer_end { PEER_COMPLETED, PEER_FAILED, PEER_RELEASED };

struct peer_events {
    /* `what`: "log", "progress", "data". Borrowed. */
    void (*on_note)(void *ctx, const char *what, struct ct_str text);
    /* How it ended; `text` is the result or the reason, `stack` may be absent. Once. */
    void (*on_end)(void *ctx, enum peer_end end, struct ct_str text, struct ct_str stack);
    /* The supervisor reported the runner's death. */
    void (*on_obituary)(void *ctx, struct ct_str reason);
};

struct peer {
    uv_loop_t *loop;              /* borrowed */
    const struct replay_job *job; /* borrowed */
    const struct peer_events *events;
    void *ctx;
    char *folder;  /* owned; ours alone, removed at the end */
    char *address; /* owned; "unix:FOLDER/replay.sock" */
    uv_pipe_t server;
    struct ct_list connections; /* struct peer_conn */
    unsigned connection_count;
    unsigned handles_open;
    bool is_given, is_ended;
    void (*closed)(void *ctx);
};

/* On success the caller calls peer_close. */
enum ct_code peer_open(struct peer *peer, struct ct_error *err) CT_MUST_CHECK;
void peer_close(struct peer *peer, void (*closed)(void *ctx));

#endif
