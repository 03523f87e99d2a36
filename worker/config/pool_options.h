/* The options of a pool. One row of the table is a flag (the default of all pools), a key of a pool
 * in the configuration file, and a line of --help. Adding an option is adding a field here and a
 * row in pool_options.c; config.c puts the rows into the program's table. */
#ifndef WORKER_POOL_OPTIONS_H
#define WORKER_POOL_OPTIONS_H

#include <stdint.h>

#include "common/option.h"

#define POOL_PROCESSES_MAX  256
#define POOL_TIME_MAX_MS    (INT64_C(365) * 24 * 3600 * 1000)
#define POOL_MEMORY_MAX_MIB (1024 * 1024)
#define POOL_BYTES_MAX_KIB  (1024 * 1024) /* of what one job writes */

/* Texts and lists are owned by the option set that the pool keeps. */
struct pool_options {
    const char *prefix;                               /* NULL: the daemon's default */
    const char *user;                                 /* NULL: nothing is said (user.h) */
    struct ct_option_list plugin_dirs, plugin_owners; /* trust.h */
    int dialect; /* index in pool_dialects; -1: the daemon's default */

    int64_t processes;     /* at least */
    int64_t processes_max; /* at the most */
    int64_t concurrency;
    int64_t scale_backlog; /* waiting jobs per thread that justify a runner; 0: no reason */
    int64_t scale_age_ms;  /* a waiting job that is older justifies one more; 0: no reason */

    struct ct_option_list sandbox; /* empty: network */
    bool core;                     /* leave core dumps */

    int64_t timeout_ms;
    int64_t memory_max_mib; /* of one runner and what it started; 0: no limit */
    int64_t children_max;   /* processes below one runner; 0: no limit */
    int64_t cpu_max_ms;     /* of one job; 0: no limit */
    int64_t output_max_kib; /* the same */
    int64_t result_max_kib;
    int64_t files_max; /* open at once in one process */
    int64_t file_size_max_mib;
    int64_t temp_max_mib;    /* of one runner */
    int64_t stderr_rate_kib; /* a second; 0: any */
    int64_t cache_mib;       /* 0: no result cache */
    int64_t cache_ttl_ms;
    int64_t recycle_jobs; /* 0: never, as the next two */
    int64_t recycle_memory_mib;
    int64_t recycle_after_ms;
};

extern const char *const pool_dialects[]; /* ends with NULL */

/* Its settings are a struct pool_options. */
extern const struct ct_program pool_program;

#endif
