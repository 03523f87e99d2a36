/* What one job may use: of its pool, and of jobs of one name where the pool's `jobs:` says so. Read
 * by config_pools.c, handed to each runner by slot.c, looked up by leases.c for each job that
 * comes.
 *
 * A list of them begins with the pool's own, which hold for all names that have none; what a name
 * does not set is the pool's. */
#ifndef WORKER_JOB_LIMITS_H
#define WORKER_JOB_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/error.h"
#include "common/option.h"
#include "common/str.h"

#define JOB_LIMITS_NAMES_MAX 256u /* in one pool */
#define JOB_LIMITS_NAME_MAX  512u /* bytes of a name */

/* The numbers are options, with their units; 0: no such limit. */
struct job_limits {
    char *name; /* owned; NULL: the pool's own */
    int64_t timeout_ms;
    int64_t cpu_max_ms;
    int64_t memory_max_mib; /* of the runner while such a job runs */
    int64_t output_max_kib;
    int64_t result_max_kib;
};

/* Adds what the map `node`, the pool's `jobs:`, says; `pool` has the pool's options. The caller
 * ends the list with job_limits_free, also after an error. */
enum ct_code job_limits_read(const struct ct_yaml_node *node, const struct ct_option_set *pool,
                             struct job_limits **list, size_t *count,
                             struct ct_error *err) CT_MUST_CHECK;
void job_limits_free(struct job_limits *list, size_t count);

/* Which of `list` holds for jobs called `name`; 0, the pool's, when none of the others does. */
size_t job_limits_find(const struct job_limits *list, size_t count, struct ct_str name);

/* As they travel to a runner. The result of parsing is for job_limits_free. */
json_t *job_limits_print(const struct job_limits *list, size_t count);
struct job_limits *job_limits_parse(const json_t *array, size_t *count);

#endif
