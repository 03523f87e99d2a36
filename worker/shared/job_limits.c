/* Limits of jobs by their name. See job_limits.h. */
#include "worker/shared/job_limits.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "worker/config/pool_options.h"

#define FIELD(name) .offset = offsetof(struct job_limits, name)

/* The pool's rows of the same names, without a default of their own: that is what the pool has. */
static const struct ct_option rows[] = {
    {.name = "timeout",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(timeout_ms),
     .min = 1,
     .max = POOL_TIME_MAX_MS},
    {.name = "cpu-max",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(cpu_max_ms),
     .min = 0,
     .max = POOL_TIME_MAX_MS},
    {.name = "memory-max",
     .kind = CT_OPTION_INT,
     FIELD(memory_max_mib),
     .min = 0,
     .max = POOL_MEMORY_MAX_MIB},
    {.name = "output-max",
     .kind = CT_OPTION_INT,
     FIELD(output_max_kib),
     .min = 0,
     .max = POOL_BYTES_MAX_KIB},
    {.name = "result-max",
     .kind = CT_OPTION_INT,
     FIELD(result_max_kib),
     .min = 0,
     .max = POOL_BYTES_MAX_KIB},
};

static const struct ct_program job_program = {
    .name = "jobs",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
};

static enum ct_code job_limits_read_keys(const struct ct_yaml_node *node,
                                         const struct ct_option_set *pool,
                                         struct job_limits *limits, struct ct_error *err)
{
    struct ct_option_set set;
    enum ct_code rc = ct_yaml_need_map(node, err);

    ct_option_open(&set, &job_program, limits);
    ct_option_inherit(&set, pool);
    for (const struct ct_yaml_node *n = rc == CT_E_OK ? node->first : NULL; n && rc == CT_E_OK;
         n = n->next) {
        rc = ct_option_read_node(&set, n, err);
        if (rc == CT_E_NOT_FOUND)
            rc = ct_yaml_error(n, err,
                               "'%.40s' is no limit of a job: use timeout, cpu-max, memory-max, "
                               "output-max or result-max",
                               n->key);
    }
    ct_option_close(&set);
    return rc;
}

enum ct_code job_limits_read(const struct ct_yaml_node *node, const struct ct_option_set *pool,
                             struct job_limits **list, size_t *count, struct ct_error *err)
{
    enum ct_code rc = ct_yaml_need_map(node, err);

    for (const struct ct_yaml_node *n = rc == CT_E_OK ? node->first : NULL; n && rc == CT_E_OK;
         n = n->next) {
        struct job_limits *limits;

        if (*count >= JOB_LIMITS_NAMES_MAX || strlen(n->key) > JOB_LIMITS_NAME_MAX)
            return ct_yaml_error(n, err,
                                 "a pool may have limits for %u names of %u bytes at the most",
                                 JOB_LIMITS_NAMES_MAX, JOB_LIMITS_NAME_MAX);
        *list = ct_realloc(*list, (*count + 1) * sizeof **list);
        limits = &(*list)[(*count)++];
        *limits = (struct job_limits){.name = NULL};
        rc = job_limits_read_keys(n, pool, limits, err);
        limits->name = ct_strdup(n->key);
    }
    return rc;
}

void job_limits_free(struct job_limits *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].name);
    free(list);
}

size_t job_limits_find(const struct job_limits *list, size_t count, struct ct_str name)
{
    for (size_t i = 1; i < count; i++)
        if (ct_str_is(name, list[i].name))
            return i;
    return 0;
}

json_t *job_limits_print(const struct job_limits *list, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array();

        json_array_append_new(item, list[i].name ? json_string(list[i].name) : json_null());
        json_array_append_new(item, json_integer(list[i].timeout_ms));
        json_array_append_new(item, json_integer(list[i].cpu_max_ms));
        json_array_append_new(item, json_integer(list[i].memory_max_mib));
        json_array_append_new(item, json_integer(list[i].output_max_kib));
        json_array_append_new(item, json_integer(list[i].result_max_kib));
        json_array_append_new(array, item);
    }
    return array;
}

struct job_limits *job_limits_parse(const json_t *array, size_t *count)
{
    struct job_limits *list = ct_zalloc((json_array_size(array) + 1) * sizeof *list);

    *count = json_array_size(array);
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(array, i);
        const char *name = json_string_value(json_array_get(item, 0));

        list[i] = (struct job_limits){
            .name = name ? ct_strdup(name) : NULL,
            .timeout_ms = json_integer_value(json_array_get(item, 1)),
            .cpu_max_ms = json_integer_value(json_array_get(item, 2)),
            .memory_max_mib = json_integer_value(json_array_get(item, 3)),
            .output_max_kib = json_integer_value(json_array_get(item, 4)),
            .result_max_kib = json_integer_value(json_array_get(item, 5)),
        };
    }
    return list;
}
