/* All queues that the daemon serves, and the two links to Redis they share: one for commands, one
 * for messages. Owned by the daemon; asked by connections.
 *
 * Finding a queue may need Redis (dialect "auto" looks at its keys), so it is asked with a callback
 * and waits as long as Redis is away.
 *
 * A queue without any key may become Bull's or BullMQ's: who takes jobs of it waits for its first
 * key, which is looked for every HOSTS_AGAIN_MS, HOSTS_AGAIN_MAX such queues at a time. */
#ifndef CT_SERVER_HOSTS_H
#define CT_SERVER_HOSTS_H

#include <uv.h>

#include "redis/link.h"
#include "server/ledger.h"
#include "server/queue_host.h"

struct hosts;
struct hosts_search;

/* Queues served at a time. */
#define HOSTS_MAX 4096
/* Bytes of a queue's name or prefix. */
#define HOSTS_NAME_MAX 512
/* While Redis is away, say so this often. */
#define HOSTS_REMIND_MS 30000

#define HOSTS_AGAIN_MS  100
#define HOSTS_AGAIN_MAX 20

/* A queue of the configuration file. */
struct queue_config {
    char *prefix, *name; /* owned */
    char *dialect;       /* owned; NULL: as workers say, or as found */
    char *settings; /* owned; JSON object, NULL: none. They override what workers attach with */
    struct scaling_settings scaling;
};

struct hosts_options {
    uv_loop_t *loop; /* all borrowed */
    const struct ct_redis_url *url;
    const struct ct_random *random;
    const struct ct_clock *clock;
    const struct queue_config *queues;
    size_t queue_count;
    const char *dialect;            /* of queues for which nobody says it; NULL: as found */
    uint64_t quiet_ms;              /* an outage is worth a line in the log after so long */
    void (*on_redis_up)(void *ctx); /* each time; may be NULL */
    void *ctx;
};

struct hosts_figures {
    uint64_t redis_connects;           /* since the start */
    uint32_t queues;                   /* served now */
    uint64_t leases, credits, pending; /* of all of them */
};

struct hosts *hosts_open(const struct hosts_options *options);
bool hosts_redis_is_up(const struct hosts *hosts);
struct hosts_outage {
    uint64_t lasted_ms;
    char why[CT_ERROR_DETAIL_MAX];
};

/* False: Redis is up. */
bool hosts_find_outage(const struct hosts *hosts, struct hosts_outage *out);
void hosts_figures(const struct hosts *hosts, struct hosts_figures *out);
/* Calls `visit` for each queue that queue_trouble has a word on; returns how many there are. */
uint32_t hosts_each_trouble(const struct hosts *hosts,
                            void (*visit)(void *arg, const char *name, const char *why), void *arg);
/* Of what was served since the start. Borrowed. */
struct ledger *hosts_ledger(struct hosts *hosts);
/* A call on the link that all queues share, as redis_link_call. */
void hosts_call(struct hosts *hosts, struct redis_command *command, redis_done_fn done, void *arg);

struct hosts_want {
    struct ct_str prefix, name; /* copied */
    struct ct_str dialect;      /* copied; absent: auto */
    struct ct_str settings;     /* copied; JSON object, absent: as they are */
    bool is_hasty;              /* as hosts_hurry */
};

/* `host` NULL: it cannot be had, for the reason in `err`. */
typedef void (*hosts_found_fn)(void *arg, struct queue_host *host, const struct ct_error *err);

/* Whether a queue can have this name and prefix (absent: the default). */
enum ct_code hosts_check_name(struct ct_str name, struct ct_str prefix,
                              struct ct_error *err) CT_MUST_CHECK;

/* `found` comes exactly once, from hosts_turn, unless hosts_forget was called before. */
struct hosts_search *hosts_find(struct hosts *hosts, const struct hosts_want *want,
                                hosts_found_fn found, void *arg);
void hosts_forget(struct hosts_search *search);
/* It waits no longer for the first key of a queue, but takes it for Bull's. */
void hosts_hurry(struct hosts_search *search);

/* Cancels the active job `id` of the queue in `want` (prefix and name), here or, by a message, in
 * another daemon. `cancelled` comes exactly once, perhaps before this returns. Code OK: told, or
 * passed on; NOT_FOUND: no daemon hears of this queue; CONFLICT: it has just ended. */
typedef void (*hosts_cancelled_fn)(void *arg, const struct ct_error *answer);
void hosts_cancel(struct hosts *hosts, const struct hosts_want *want, struct ct_str id,
                  struct ct_str reason, hosts_cancelled_fn cancelled, void *arg);

/* At the end of each turn of the loop: searches, then the engine's turns. */
void hosts_turn(struct hosts *hosts);
/* There is more to do: the loop must not sleep. */
bool hosts_want_turn(const struct hosts *hosts);

/* Every queue: nothing new, what is leased ends. */
void hosts_drain(struct hosts *hosts);
/* All of them are drained and gone. */
bool hosts_are_gone(const struct hosts *hosts);
/* Only when they are gone. Frees, then calls `closed`. */
void hosts_close(struct hosts *hosts, void (*closed)(void *ctx), void *ctx);

#endif
