/* A private redis-server as a child of the daemon, for those who have none: data in a folder of its
 * own (append-only file, synced every second), a socket there, a TCP port only when asked for. It
 * is started again when it dies, and dies with the daemon. */
#ifndef CT_REDIS_EMBEDDED_H
#define CT_REDIS_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/error.h"

struct embedded;

#define EMBEDDED_RESTART_MIN_MS 100
#define EMBEDDED_RESTART_MAX_MS 5000
/* What a start takes at the most, as long as its data is small. */
#define EMBEDDED_START_MS 2000
/* Between being told to stop and being killed. */
#define EMBEDDED_STOP_MS 10000
/* For the server of a daemon that was just killed to be gone. */
#define EMBEDDED_LOCK_MS 3000

/* The first argument that makes this program the child; see embedded_become. */
#define EMBEDDED_VERB "--become-redis"

struct embedded_options {
    uv_loop_t *loop;    /* borrowed */
    const char *folder; /* made when it is missing, for its owner only */
    bool has_port;
    uint16_t port; /* 0: a free one */
};

/* Locks the folder and starts the server. CONFLICT: another daemon uses the folder. NOT_FOUND:
 * redis-server is not installed. */
enum ct_code embedded_open(const struct embedded_options *options, struct embedded **out,
                           struct ct_error *err) CT_MUST_CHECK;

/* For the daemon's own links: unix:///FOLDER/redis.sock. Borrowed. */
const char *embedded_url(const struct embedded *embedded);
/* For others: redis://127.0.0.1:PORT, or the socket's when there is no port. Borrowed. */
const char *embedded_public_url(const struct embedded *embedded);

/* Lets the server save and end. Frees, then calls `closed` (may be NULL). */
void embedded_close(struct embedded *embedded, void (*closed)(void *ctx), void *ctx);

/* In the child, for main: argv is PROGRAM EMBEDDED_VERB PARENT_PID redis-server ARG... Makes the
 * kernel end it with the daemon, and becomes the server. Returns an exit code when it cannot. */
int embedded_become(int argc, char **argv);

#endif
