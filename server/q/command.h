/* What a command of cartrita-q is, and which there are. main.c reads its flags, opens the session
 * and runs it; each cmd_NOUN_VERB.c holds one. */
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
    /* One of the three: straight on Redis, through a daemon, or without either. */
    enum ct_code (*run)(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err);
    enum ct_code (*ask)(const struct command *self, struct daemon_link *link, const void *settings,
                        const char *const *args, size_t arg_count, struct ct_error *err);
    enum ct_code (*tell)(const struct command *self, const char *const *args, size_t arg_count,
                         struct ct_error *err);
};

/* All of them, in the order of the overview. */
extern const struct command *const command_table[];
extern const size_t command_count;
/* Ends the help of each. */
extern const char command_exit_codes[];

/* The noun that a word means: itself, but for second spellings. */
const char *command_noun(const char *word);
/* The command that argv begins with; USAGE, with the nearest word there is: none. */
enum ct_code command_find(int argc, char *const *argv, const struct command **out,
                          struct ct_error *err) CT_MUST_CHECK;

/* What `cartrita-q --help` or `--man` says; `noun` NULL: of all. */
void command_print_overview(const char *noun, bool is_man, FILE *out);
/* Whether it is one that has verbs. */
bool command_is_noun(const char *word);

#define COMMAND(name) extern const struct command cmd_##name;
#include "q/commands.def"
#undef COMMAND

#define COMMAND_OPTIONS(table) .options = (table), .option_count = sizeof(table) / sizeof *(table)

#endif
