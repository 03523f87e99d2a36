/* Pools out of flags or of the file's `pools:`. Part of config.h. */
#ifndef WORKER_CONFIG_POOLS_H
#define WORKER_CONFIG_POOLS_H

#include "common/option.h"
#include "common/yaml.h"
#include "worker/config/config.h"

/* What flags, environment and the file's top level say; texts are borrowed from the option set. */
struct config_flags {
    struct pool_options pool; /* first: the rows of pool_program fit both structs */
    const char *server, *redis, *redis_password_file, *plugin, *config, *check_plugin, *replay,
        *debugger, *http, *http_cert, *http_key, *http_ca;
    struct ct_option_list queues, set, settings;
    int64_t cancel_grace_ms, grace_ms;
    int log_level;
    bool check_sandbox, checks_health;
};

/* `set` holds `flags`. `pools` is the file's list, or NULL. Flags describe one pool, or are the
 * defaults of all. */
enum ct_code config_pools(const struct ct_option_set *set, const struct config_flags *flags,
                          const struct ct_yaml_node *pools, struct worker_config *out,
                          struct ct_error *err) CT_MUST_CHECK;
void config_pool_free(struct pool_config *pool);

#endif
