/* What a pool is: the settings shared by its runners, read from flags and file by config.c and
 * handed to each runner by slot.c. */
#ifndef WORKER_POOL_H
#define WORKER_POOL_H

#include <stddef.h>

#include "worker/config/pool_options.h"
#include "worker/config/user.h"
#include "worker/shared/job_limits.h"

struct pool_config {
    char *name; /* the first queue's, or as the file says; all owned */
    char **queues;
    size_t queue_count;
    char *plugin;     /* file */
    char *config;     /* JSON object for the plugin, from `set` */
    char *settings;   /* JSON object in Bull's words, for the daemon; NULL: none */
    struct user user; /* of its runners */
    struct pool_options options;
    struct job_limits *limits; /* those of jobs by name */
    size_t limit_count;
    struct ct_option_set set; /* owns the texts of `options` */
};

#endif
