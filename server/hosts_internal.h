/* What the files of the hosts share:
 *
 *   hosts.c         the list of queues: turns, drain, life
 *   hosts_links.c   the two shared links, and what an outage means
 *   hosts_search.c  finding a queue, or making it
 *   hosts_cancel.c  cancelling an active job, wherever it is
 *
 * Nobody else includes it. */
#ifndef CT_SERVER_HOSTS_INTERNAL_H
#define CT_SERVER_HOSTS_INTERNAL_H

#include "server/detect.h"
#include "server/hosts.h"

struct hosts_search {
    struct ct_list link; /* in hosts->searches or, while there is nothing to be told, ->silent */
    struct hosts *hosts;
    char *prefix, *name;   /* owned */
    char *dialect;         /* owned; NULL: auto */
    char *settings;        /* owned; NULL: none */
    struct detect *detect; /* owned; under way */
    bool is_hasty;         /* takes what stands in rather than to wait for a sign */
    bool is_told;          /* that it waits */
    hosts_found_fn found;
    void *arg;
};

struct hosts {
    uv_loop_t *loop;
    const struct ct_redis_url *url;
    const struct queue_config *queues;
    size_t queue_count;
    const char *dialect;
    uint64_t quiet_ms;
    void (*on_redis_up)(void *ctx);
    void *ctx;
    struct queue_host_world world;
    struct ct_list live;    /* those that can be found */
    struct ct_list retired; /* draining */
    struct ct_list turns;   /* to have their turn */
    struct ct_list searches;
    struct ledger ledger;
    struct ct_list silent; /* searches for queues that do not exist yet: asked again by `again` */
    uv_timer_t again;
    uint32_t host_count; /* live, retired and closing */
    bool is_draining;
    /* The outage under way. */
    uint64_t down_since_ms; /* 0: none */
    uint64_t reminded_ms;   /* 0: nothing was said about it yet */
    uint64_t redis_connects;
    uint64_t down_tries;
    struct ct_error down_why;
    bool is_policy_told; /* that Redis may evict keys */
    int handles_open;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- hosts.c --- */
void hosts_schedule(void *ctx, struct queue_host *host);

/* --- hosts_links.c --- */
void hosts_open_links(struct hosts *hosts);

/* --- hosts_search.c --- */
void hosts_init_searches(struct hosts *hosts);
/* One step for each search. */
void hosts_search_all(struct hosts *hosts);
/* Those that wait for a sign have a step in the next turn as well. */
void hosts_stir(struct hosts *hosts);

#endif
