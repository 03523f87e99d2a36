/* A connection to a daemon for the commands that ask one: connect, ask, wait for the answer. Called
 * by main.c (open, close) and by the commands; knows no command. Every call blocks until it is
 * answered or --timeout is over. */
#ifndef Q_DAEMON_LINK_H
#define Q_DAEMON_LINK_H

#include <uv.h>

#include "common/option.h"
#include "proto/client.h"
#include "q/session.h"

/* The first member of the settings of each command that asks a daemon. */
struct daemon_settings {
    const char *profile;
    const char *server; /* NULL: found, see daemon_find.h */
    int64_t timeout_ms;
    struct look_settings look;
};

/* The common rows of an option table; `type` begins with `struct daemon_settings common`. */
#define DAEMON_OPTIONS(type)                                                                      \
    PROFILE_OPTION(type, common.profile),                                                         \
        {.name = "server",                                                                        \
         .kind = CT_OPTION_STRING,                                                                \
         .offset = offsetof(type, common.server),                                                 \
         .value_name = "ADDRESS",                                                                 \
         .env = {"CARTRITA_SERVER"},                                                              \
         .help =                                                                                  \
             "Daemon that the workers are connected to: unix:/PATH or HOST:PORT. Without it the " \
             "socket that cartrita-queued has by itself, else the private daemon of your one "    \
             "worker that was started with --redis."},                                            \
        {.name = "timeout",                                                                       \
         .kind = CT_OPTION_DURATION_MS,                                                           \
         .offset = offsetof(type, common.timeout_ms),                                             \
         .fallback = "15s",                                                                       \
         .min = 1,                                                                                \
         .max = 3600000,                                                                          \
         .help = "How long the daemon may take to answer; it gives a worker 10s."},               \
        LOOK_OPTIONS(type, common.look)

struct daemon_link {
    const struct daemon_settings *settings; /* borrowed */
    char *address;                          /* owned; as it is shown */
    uv_loop_t loop;
    uv_timer_t timer;
    struct proto_client *client; /* owned */
    bool is_up, is_private;      /* is_private: as the last welcome said */
    struct ct_error why;         /* of the last loss; code OK: none */
    bool is_late, is_answered;
    uint64_t request; /* number of the last one */
    /* The answer under way. */
    enum ct_code code;
    struct ct_buf detail, value;
};

/* Connects. On success the caller calls daemon_link_close. */
enum ct_code daemon_link_open(struct daemon_link *link, const struct daemon_settings *settings,
                              struct ct_error *err) CT_MUST_CHECK;
void daemon_link_close(struct daemon_link *link);

/* Sends a message that is answered by `done`; `request` points at its number, which is set here.
 * *detail and *value (each may be NULL) are lent until the next call. A code of the answer other
 * than OK is returned with its detail. */
enum ct_code daemon_link_ask(struct daemon_link *link, struct proto_message *message,
                             uint64_t *request, struct ct_str *detail, struct ct_str *value,
                             struct ct_error *err) CT_MUST_CHECK;

/* Lets `ms` go by; the connection is kept alive, or taken up again, meanwhile. */
void daemon_link_sleep(struct daemon_link *link, uint64_t ms);

#endif
