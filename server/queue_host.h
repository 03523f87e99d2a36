/* A queue with the world around it: the engine's state machine, its blocking connection to Redis,
 * its timer, its channels. Made and owned by hosts.[ch], used by connections through hosts.h.
 *
 * The blocking connection carries the name that dashboards count workers by, so it is open only
 * while somebody takes jobs of the queue. */
#ifndef CT_SERVER_QUEUE_HOST_H
#define CT_SERVER_QUEUE_HOST_H

#include <uv.h>

#include "queue/queue.h"

struct queue_host;

/* A queue that nobody uses is closed after this long. */
#define HOST_LINGER_MS 2000
/* A wait that should end is interrupted again this often: the first try may have come before the
 * wait itself reached Redis. */
#define HOST_UNWAIT_MS 20

/* The shared parts of the daemon that a host works with; all borrowed. */
struct queue_host_world {
    bool is_deaf; /* messages cannot be had: do without */
    uv_loop_t *loop;
    const struct ct_redis_url *url;
    const struct ct_random *random;
    const struct ct_clock *clock;
    struct redis_link *commands;
    struct redis_link *messages;
    /* Call queue_host_turn at the end of this loop turn. */
    void (*schedule)(void *ctx, struct queue_host *host);
    /* It is closing: find it no more. */
    void (*retire)(void *ctx, struct queue_host *host);
    /* Freed; the last word. */
    void (*gone)(void *ctx);
    void *ctx;
};

struct queue_host_options {
    const char *prefix, *name;
    const struct dialect *dialect;
    const struct queue_settings *settings; /* copied */
    bool is_pinned;                        /* served without workers as well */
    struct tally *tally;                   /* borrowed; NULL: nobody wants it */
};

enum ct_code queue_host_new(const struct queue_host_world *world,
                            const struct queue_host_options *options, struct queue_host **out,
                            struct ct_error *err) CT_MUST_CHECK;

struct queue *queue_host_queue(const struct queue_host *host);
/* For its owner's lists. */
struct ct_list *queue_host_node(struct queue_host *host);
struct queue_host *queue_host_of(struct ct_list *node);
struct ct_list *queue_host_turn_node(struct queue_host *host);
struct queue_host *queue_host_of_turn(struct ct_list *node);

/* A worker takes jobs of it, from attach to detach. */
void queue_host_attach(struct queue_host *host);
void queue_host_detach(struct queue_host *host);
/* Somebody needs it for a moment (adding jobs). */
void queue_host_hold(struct queue_host *host);
void queue_host_release(struct queue_host *host);

void queue_host_turn(struct queue_host *host);
void queue_host_link_up(struct queue_host *host);
void queue_host_link_down(struct queue_host *host);
/* The link for messages was lost: no channel is heard. */
void queue_host_deaf(struct queue_host *host);
/* A message, or (payload absent) the news that its channel is heard. Of other queues' channels as
 * well: those are ignored. */
void queue_host_message(struct queue_host *host, struct ct_str channel, struct ct_str payload);
void queue_host_refused(struct queue_host *host, struct ct_str channel, const struct ct_error *why);
/* Whether messages that cancel jobs arrive. */
bool queue_host_hears_cancels(const struct queue_host *host);

/* Takes nothing more, lets what is leased end, then goes. */
void queue_host_drain(struct queue_host *host);

#endif
