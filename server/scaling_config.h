/* scaling: of a queue in the configuration file. */
#ifndef CT_SERVER_SCALING_CONFIG_H
#define CT_SERVER_SCALING_CONFIG_H

#include "common/yaml.h"
#include "server/scaling.h"

void scaling_settings_init(struct scaling_settings *settings);
/* {target, hold, min, max, slots}; what is not there stays as it is. `node` NULL: all of it. */
enum ct_code scaling_settings_read(const struct ct_yaml_node *node,
                                   struct scaling_settings *settings,
                                   struct ct_error *err) CT_MUST_CHECK;

#endif
