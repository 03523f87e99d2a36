/* The options of a program as one table: from it come the reading of flags, environment and
 * configuration file, and the text of --help. A flag beats the environment, the environment beats
 * the file, the file beats the default, in whatever order they are read:
 *
 *   static const struct ct_option options[] = {
 *       {.name = "redis", .kind = CT_OPTION_STRING, .offset = offsetof(struct settings, redis_url),
 *        .value_name = "URL", .fallback = "redis://127.0.0.1:6379",
 *        .env = {"CARTRITA_REDIS_URL", "REDIS_URL"}, .group = "Connections",
 *        .help = "Redis server that holds the queues."},
 *   };
 *   static const struct ct_program program = {.name = "cartrita-queued", .options = options,
 *                                             .option_count = sizeof options / sizeof *options};
 *
 *   ct_option_open(&set, &program, &settings);
 *   rc = ct_option_read_args(&set, argc - 1, argv + 1, &err);
 *   if (rc == CT_E_OK && ct_option_answer(&set, stdout))
 *       return 0;                                            (--help and --version)
 *   rc = ct_option_read_env(&set, &err);
 *   rc = ct_option_read_file(&set, yaml->root, sections, &err);
 */
#ifndef CT_COMMON_OPTION_H
#define CT_COMMON_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"
#include "common/str.h"
#include "common/yaml.h"

#define CT_OPTION_ENV_MAX  2
#define CT_OPTION_LIST_MAX 1000 /* values of one list option */

/* In the comment: the type of the field at `offset`. */
enum ct_option_kind {
    CT_OPTION_STRING,      /* const char *; NULL without a value. Owned by the set */
    CT_OPTION_INT,         /* int64_t */
    CT_OPTION_DURATION_MS, /* int64_t; 500, 500ms, 5s, 2m, 1h, 1d */
    CT_OPTION_BOOL,        /* bool; --name, --no-name, --name=true|false */
    CT_OPTION_ENUM,        /* int; the index in `choices`, -1 without a value */
    CT_OPTION_LIST, /* struct ct_option_list; repeatable; in the environment split at commas */
};

struct ct_option_list {
    const char **items; /* owned by the set, as are the texts */
    size_t count;
};

struct ct_option {
    const char *name; /* --NAME, and NAME: in the file */
    char letter;      /* -L; 0: none */
    enum ct_option_kind kind;
    size_t offset;
    const char *value_name;     /* in help: URL, FILE, N; NULL: one by kind */
    const char *unit;           /* in help, behind default and range: "bytes", "jobs" */
    const char *fallback;       /* default as text; NULL: none (0, false, NULL, -1, empty) */
    int64_t min, max;           /* of INT and DURATION_MS; both 0: any */
    const char *const *choices; /* of ENUM, ends with NULL */
    const char *env[CT_OPTION_ENV_MAX]; /* names, the first that is set and not empty counts */
    const char *group;                  /* heading in help; NULL: the one above goes on */
    const char *help;                   /* NULL: not shown */
    bool not_in_file;                   /* only as flag and in the environment */
};

struct ct_program {
    const char *name;    /* with the verb, if it has one: "cartrita-q retry" */
    const char *version; /* NULL: no --version */
    const char *usage;   /* behind the name; NULL: "[OPTION]..." */
    const char *about;   /* one line or more; may be NULL */
    const char *footer;  /* behind the options; may be NULL */
    const struct ct_option *options;
    size_t option_count;
    bool stops_at_positional; /* what follows the first positional belongs to somebody else (a verb)
                               */
};

enum ct_option_source {
    CT_OPTION_FROM_DEFAULT,
    CT_OPTION_FROM_FILE,
    CT_OPTION_FROM_ENV,
    CT_OPTION_FROM_FLAG
};

enum ct_option_wish {
    CT_OPTION_WISH_NONE,
    CT_OPTION_WISH_HELP,
    CT_OPTION_WISH_MAN,
    CT_OPTION_WISH_VERSION
};

struct ct_option_set {
    const struct ct_program *program; /* borrowed */
    void *settings;                   /* borrowed; the fields that `offset` names */
    enum ct_option_source *sources;   /* owned; one an option */
    const char **positionals;         /* owned array of borrowed texts */
    size_t positional_count;
    enum ct_option_wish wish;
};

/* Writes the defaults. The set must outlive all texts and lists in `settings`. */
void ct_option_open(struct ct_option_set *set, const struct ct_program *program, void *settings);
/* Frees the texts and lists, and empties their fields. */
void ct_option_close(struct ct_option_set *set);

/* `argv` without the program's name; -h, --help, --man and --version end the reading with a wish.
 * Errors are CT_E_USAGE and say what to type instead. `argv` must outlive the set. */
enum ct_code ct_option_read_args(struct ct_option_set *set, int argc, char *const *argv,
                                 struct ct_error *err) CT_MUST_CHECK;
enum ct_code ct_option_read_env(struct ct_option_set *set, struct ct_error *err) CT_MUST_CHECK;
/* The keys of the top level. `sections` (ends with NULL; may be NULL) are keys that the caller
 * reads itself; any other is refused with a "did you mean". */
enum ct_code ct_option_read_file(struct ct_option_set *set, const struct ct_yaml_node *root,
                                 const char *const *sections, struct ct_error *err) CT_MUST_CHECK;

/* For parts of a file that repeat options of the program (pools): one key, by its node. NOT_FOUND,
 * without an error text: no option has that name. */
enum ct_code ct_option_read_node(struct ct_option_set *set, const struct ct_yaml_node *node,
                                 struct ct_error *err) CT_MUST_CHECK;
/* The same, as strong as `source`: what is chosen by name may beat the environment. */
enum ct_code ct_option_read_node_as(struct ct_option_set *set, enum ct_option_source source,
                                    const struct ct_yaml_node *node,
                                    struct ct_error *err) CT_MUST_CHECK;
/* Takes what `from` has for options of the same name as its defaults. */
void ct_option_inherit(struct ct_option_set *set, const struct ct_option_set *from);

bool ct_option_has(const struct ct_program *program, const char *name);
/* The value of a STRING; NULL: there is none, or no such option. */
const char *ct_option_text(const struct ct_option_set *set, const char *name);
/* Where the value of `name` came from. */
enum ct_option_source ct_option_source_of(const struct ct_option_set *set, const char *name);

/* Prints what was wished for; true when there was a wish, so that the caller can exit. */
bool ct_option_answer(const struct ct_option_set *set, FILE *out);
void ct_option_print_help(const struct ct_program *program, FILE *out);
/* The same as a manual page, in roff. */
void ct_option_print_man(const struct ct_program *program, FILE *out);

/* A duration as above, for other readers of settings; false when it is not one. */
bool ct_option_duration_ms(struct ct_str text, int64_t *out);

#endif
