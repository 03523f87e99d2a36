/* Options of cartrita-queued: flags, environment and configuration file, read once at start. */
#ifndef CT_SERVER_CONFIG_H
#define CT_SERVER_CONFIG_H

#include "common/log.h"
#include "common/option.h"
#include "server/hosts.h"

struct config_flags {
    const char *redis;
    const char *redis_password_file;
    struct ct_option_list listen;
    const char *config;
    const char *embedded;
    int64_t embedded_port;
    const char *http, *http_cert, *http_key, *http_ca, *api_tokens, *api_redis_file;
    bool checks_health;
    bool is_private, dies_with_parent;
    int64_t grace_ms, frame_max, parent;
    int log_level, dialect;
};

struct config {
    struct ct_option_set options; /* owns the texts in `flags` */
    struct config_flags flags;
    char *listen_default; /* owned; used when no --listen is given */
    bool has_embedded_port;
    enum ct_log_level log_level;
    struct queue_config *queues; /* owned */
    size_t queue_count;
};

enum config_outcome { CONFIG_READY, CONFIG_ANSWERED, CONFIG_REFUSED };

/* CONFIG_ANSWERED: --help or --version, printed. After CONFIG_READY the caller calls config_close.
 */
enum config_outcome config_read(struct config *config, int argc, char **argv, struct ct_error *err);
void config_close(struct config *config);

/* Of queues for which nobody says it. */
const char *config_dialect(const struct config *config);
/* Whether it serves HTTP at flags.http. */
bool config_http_is_on(const struct config *config);
size_t config_listen_count(const struct config *config);
const char *config_listen_at(const struct config *config, size_t index);

#endif
