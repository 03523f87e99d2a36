/* What a command of cartrita-q is. main.c reads its flags, opens the session and runs it; each
 * cmd_NOUN_VERB.c holds one. */
#ifndef Q_COMMAND_H
#define Q_COMMAND_H

#include "q/daemon_link.h"
#include "q/session.h"

struct command {
    const char *noun, *verb;   /* verb NULL: the noun says it all */
    struct ct_program program; /* name, usage, about, options; main adds the rest */
    /* A struct that begins with struct session_settings or, with `ask`, struct daemon_settings. */
    size_t settings_size;
    size_t arg_min, arg_max; /* positionals, as `usage` names them */
    /* One of the two: straight on Redis, or through a daemon. */
    enum ct_code (*run)(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err);
    enum ct_code (*ask)(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err);
};

#define COMMAND(name) extern const struct command cmd_##name;
#include "q/commands.def"
#undef COMMAND

#define COMMAND_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof *(table)

#endif
