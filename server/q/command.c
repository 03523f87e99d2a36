/* The commands there are, and what is said of all of them: the overview, the exit status, the
 * manual page. */
#include "q/command.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

const struct command *const command_table[] = {
#define COMMAND(name) &cmd_##name,
#include "q/commands.def"
#undef COMMAND
};
const size_t command_count = sizeof command_table / sizeof *command_table;

const char command_exit_codes[] =
    "Exit status:\n"
    "  0  done\n"
    "  1  a job that failed (job wait), and what has no number of its own\n"
    "  2  wrong usage\n"
    "  3  no such queue, job, worker or pool\n"
    "  4  not possible with it as it is\n"
    "  5  Redis or the daemon cannot be reached\n"
    "  6  Redis refuses: password, rights, read-only\n"
    "  7  Redis, the daemon, a worker or a job took too long\n";

static const char about[] =
    "Looks at queues of Bull and BullMQ, adds jobs to them and repairs them, straight on Redis;\n"
    "looks at workers and tells them what to do, through the daemon they are connected to.";

/* Second spellings of nouns: they are taken, and nowhere shown. */
static const struct {
    const char *other, *noun;
} spellings[] = {{"schedule", "scheduler"}};

const char *command_noun(const char *word)
{
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        if (strcmp(word, spellings[i].other) == 0)
            return spellings[i].noun;
    }
    return word;
}

/* "queue show QUEUE": noun, verb and arguments. */
static void append_words(struct ct_buf *buf, const struct command *command)
{
    const char *usage = command->program.usage;
    const char *options = strstr(usage, "[OPTION]"); /* most have some */

    ct_buf_printf(buf, "%s%s%s", command->noun, command->verb ? " " : "",
                  command->verb ? command->verb : "");
    if (options != usage)
        ct_buf_printf(buf, " %.*s", (int)(options ? (size_t)(options - usage - 1) : strlen(usage)),
                      usage);
}

/* What the overview and the manual page end in. */
static void append_commands(struct ct_buf *buf, const char *noun)
{
    for (size_t i = 0; i < command_count; i++) {
        struct ct_buf words;

        if (noun && strcmp(command_table[i]->noun, command_noun(noun)) != 0)
            continue;
        ct_buf_init(&words);
        append_words(&words, command_table[i]);
        ct_buf_printf(buf, "  %-29.*s  %s\n", (int)words.len, ct_buf_data(&words),
                      command_table[i]->program.about);
        ct_buf_free(&words);
    }
    ct_buf_printf(buf,
                  "\n  cartrita-q NOUN VERB --help      the options of one\n"
                  "  cartrita-q NOUN VERB --man       its manual page, for `man -l -`\n"
                  "  cartrita-q --version\n\n%s",
                  command_exit_codes);
}

bool command_is_noun(const char *word)
{
    for (size_t i = 0; i < command_count; i++) {
        if (command_table[i]->verb && strcmp(command_table[i]->noun, command_noun(word)) == 0)
            return true;
    }
    return false;
}

void command_print_overview(const char *noun, bool is_man, FILE *out)
{
    struct ct_program program = {
        .name = "cartrita-q",
        .version = CARTRITA_VERSION,
        .usage = "NOUN VERB [ARGUMENT]... [OPTION]...",
        .about = about,
    };
    struct ct_buf footer;

    ct_buf_init(&footer);
    ct_buf_printf(&footer, "%s", is_man ? "Commands:\n" : "");
    append_commands(&footer, noun);
    program.footer = ct_buf_take(&footer, NULL);
    if (is_man)
        ct_option_print_man(&program, out);
    else
        fprintf(out, "Usage: %s %s\n%s\n\n%s", program.name, program.usage, about, program.footer);
    free((char *)program.footer);
}

enum ct_code command_find(int argc, char *const *argv, const struct command **out,
                          struct ct_error *err)
{
    struct ct_nearest noun, verb;
    bool knows_noun = false;

    if (argc == 0 || argv[0][0] == '-')
        return ct_error_set(err, CT_E_USAGE, "%s: a command comes first, such as `queue ls`",
                            argc ? argv[0] : "nothing to do");
    ct_nearest_init(&noun, argv[0]);
    ct_nearest_init(&verb, argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(command_noun(argv[0]), command_table[i]->noun) != 0) {
            ct_nearest_offer(&noun, command_table[i]->noun);
            continue;
        }
        knows_noun = true;
        if (!command_table[i]->verb) {
            *out = command_table[i];
            return CT_E_OK;
        }
        if (argc > 1 && strcmp(argv[1], command_table[i]->verb) == 0) {
            *out = command_table[i];
            return CT_E_OK;
        }
        ct_nearest_offer(&verb, command_table[i]->verb);
    }
    if (!knows_noun && noun.best)
        return ct_error_set(err, CT_E_USAGE, "unknown command \"%s\"; did you mean \"%s\"?",
                            argv[0], noun.best);
    if (!knows_noun)
        return ct_error_set(err, CT_E_USAGE, "unknown command \"%s\"", argv[0]);
    if (argc < 2)
        return ct_error_set(err, CT_E_USAGE, "\"%s\" needs a verb, such as `%s ls`", argv[0],
                            argv[0]);
    if (verb.best)
        return ct_error_set(err, CT_E_USAGE, "unknown command \"%s %s\"; did you mean \"%s %s\"?",
                            argv[0], argv[1], argv[0], verb.best);
    return ct_error_set(err, CT_E_USAGE, "unknown command \"%s %s\"", argv[0], argv[1]);
}
