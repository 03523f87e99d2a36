/* What a pool is: the settings shared by its runners, read from flags and file by config.c and
 * handed to each runner by slot.c. */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool_config {
    char *name; /* the first queue's, or as the file says; all owned */
    char **queues;
    size_t queue_count;
    char *plugin;           /* file */
    char *config;           /* JSON object for the plugin, from `set` */
    char *prefix;           /* NULL: the daemon's default */
    char *dialect;          /* NULL: the daemon's default */
    char *settings;         /* JSON object in Bull's words, for the daemon; NULL: none */
    uint32_t processes;     /* at least */
    uint32_t processes_max; /* at the most */
    uint32_t concurrency;
    uint64_t timeout_ms;
    uint64_t memory_max_bytes; /* of one runner; 0: no limit */
};

#endif
