/* Pools out of flags or of the file's `pools:`. Part of config.h. */
#ifndef WORKER_CONFIG_POOLS_H
#define WORKER_CONFIG_POOLS_H

#include "common/option.h"
#include "common/yaml.h"
#include "worker/config.h"

/* What flags, environment and the file's top level say; texts are borrowed from the option set. */
struct config_flags {
    const char *server, *redis, *plugin, *prefix, *dialect, *config, *check_plugin;
    struct ct_option_list queues, set, settings;
    int64_t processes, processes_max, concurrency, timeout_ms, cancel_grace_ms, grace_ms,
        memory_max_mib;
    int log_level;
};

/* `pools` is the file's list, or NULL. Flags describe one pool, or are the defaults of all. */
enum ct_code config_pools(const struct config_flags *flags, const struct ct_yaml_node *pools,
                          struct worker_config *out, struct ct_error *err) CT_MUST_CHECK;
void config_pool_free(struct pool_config *pool);

#endif
