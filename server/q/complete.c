/* The line is split as a shell would split it, and read as far as it goes; then the table of the
 * command says what belongs to where the cursor is. See the header. */
#include "q/complete.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "dialect/registry.h"
#include "q/complete_names.h"
#include "q/profile.h"
#include "q/text.h"

#define WORDS_MAX 256 /* of a line; more is not completed */

struct completion {
    char *words[WORDS_MAX]; /* owned; without the program, the last is under the cursor */
    size_t count;
    const char *word;   /* the last */
    const char *offset; /* in `word`: behind the = of --name=; else its start */
    const struct command *command;
    struct ct_buf *out;
};

/* --- the line ------------------------------------------------------------------------------- */

/* One word without its quotes; moves *at behind it. */
static char *take_word(const char **at)
{
    struct ct_buf word;
    char quote = '\0';
    const char *c = *at;

    ct_buf_init(&word);
    for (; *c && (quote || (*c != ' ' && *c != '\t')); c++) {
        if (*c == quote)
            quote = '\0';
        else if (!quote && (*c == '\'' || *c == '"'))
            quote = *c;
        else if (*c == '\\' && quote != '\'' && c[1])
            ct_buf_append_char(&word, *++c);
        else
            ct_buf_append_char(&word, *c);
    }
    *at = c;
    return ct_buf_take(&word, NULL);
}

static void split(struct completion *completion, const char *line)
{
    bool is_program = true;

    for (;;) {
        line += strspn(line, " \t");
        bool is_end = *line == '\0';
        char *word = take_word(&line);

        if (is_program) {
            is_program = false;
            free(word);
        } else if (completion->count == WORDS_MAX) {
            free(word);
            return;
        } else {
            completion->words[completion->count++] = word;
        }
        if (is_end || *line == '\0')
            return;
    }
}

/* Where the arguments begin: behind the noun, or noun and verb. */
static size_t first_argument(const struct command *command)
{
    return command->verb ? 2 : 1;
}

/* Of "--name", "--name=value", "-n": the option that it names. */
static const struct ct_option *option_of(const struct command *command, const char *word)
{
    for (size_t i = 0; i < command->program.option_count; i++) {
        const struct ct_option *option = &command->program.options[i];
        size_t len = strlen(option->name);

        if (strncmp(word, "--", 2) == 0 && strncmp(word + 2, option->name, len) == 0 &&
            (word[2 + len] == '\0' || word[2 + len] == '='))
            return option;
        if (word[0] == '-' && option->letter && word[1] == option->letter && word[2] == '\0')
            return option;
    }
    return NULL;
}

static bool takes_next(const struct command *command, const char *word)
{
    const struct ct_option *option = option_of(command, word);

    return option && option->kind != CT_OPTION_BOOL && !strchr(word, '=');
}

/* --- candidates ----------------------------------------------------------------------------- */

/* Where the word so far begins like it. */
static void offer(const struct completion *completion, const char *word, const char *what)
{
    size_t len = strlen(completion->offset);
    struct ct_buf safe;

    if (strncmp(word, completion->offset, len) != 0 || strpbrk(word, "\n\t"))
        return;
    ct_buf_init(&safe); /* names of queues are foreign */
    text_append_shown(&safe, ct_str_of(word), TEXT_NO_LIMIT);
    if (safe.len == strlen(word)) {
        ct_buf_append(completion->out, completion->word,
                      (size_t)(completion->offset - completion->word));
        ct_buf_printf(completion->out, "%s%s%s\n", word, what ? "\t" : "", what ? what : "");
    }
    ct_buf_free(&safe);
}

static void offer_files(const struct completion *completion)
{
    ct_buf_printf(completion->out, "\tfiles\n");
}

static void offer_nouns(const struct completion *completion)
{
    for (size_t i = 0; i < command_count; i++) {
        const char *noun = command_table[i]->noun;

        if (i == 0 || strcmp(noun, command_table[i - 1]->noun) != 0)
            offer(completion, noun,
                  command_table[i]->verb ? NULL : command_table[i]->program.about);
    }
    if (completion->word[0] == '-') {
        offer(completion, "--help", NULL);
        offer(completion, "--man", NULL);
        offer(completion, "--version", NULL);
    }
}

static void offer_verbs(const struct completion *completion)
{
    const char *noun = command_noun(completion->words[0]);

    for (size_t i = 0; i < command_count; i++) {
        if (command_table[i]->verb && strcmp(command_table[i]->noun, noun) == 0)
            offer(completion, command_table[i]->verb, command_table[i]->program.about);
    }
}

static void offer_options(const struct completion *completion)
{
    const struct ct_program *program = &completion->command->program;

    for (size_t i = 0; i < program->option_count; i++) {
        char name[64];

        snprintf(name, sizeof name, "--%s", program->options[i].name);
        if (program->options[i].help)
            offer(completion, name, program->options[i].help);
    }
    offer(completion, "--help", "Print the options.");
    offer(completion, "--man", "Print the manual page.");
}

/* --- names ---------------------------------------------------------------------------------- */

static void offer_name(void *ctx, const char *name)
{
    offer(ctx, name, NULL);
}

/* With the options that are on the line already: they say which Redis or daemon it is. */
static void offer_names(struct completion *completion, complete_names_fn names)
{
    const size_t first = first_argument(completion->command);
    size_t end = completion->count - 1;

    if (end > first && takes_next(completion->command, completion->words[end - 1]))
        end--;
    names(completion->command, completion->words + first, end - first, offer_name, completion);
}

/* Those of all dialects, each once: whose queue it will be is not known yet. */
static void offer_states(const struct completion *completion)
{
    struct ct_str seen[2 * INSPECT_STATES_MAX];
    const struct dialect *dialect;
    size_t count = 0;

    for (size_t d = 0; (dialect = dialect_at(d)); d++) {
        for (uint32_t i = 0; i < dialect->inspector->state_count; i++) {
            const char *name = dialect->inspector->states[i].name;
            bool is_seen = count == sizeof seen / sizeof *seen;

            for (size_t k = 0; k < count; k++)
                is_seen = is_seen || ct_str_is(seen[k], name);
            if (is_seen)
                continue;
            seen[count++] = ct_str_of(name);
            offer(completion, name, NULL);
        }
    }
}

/* --- values and arguments ------------------------------------------------------------------- */

/* What a placeholder stands for, as `usage` and `value_name` write it. */
static void offer_placeholder(struct completion *completion, struct ct_str name)
{
    if (ct_str_is(name, "QUEUE"))
        offer_names(completion, complete_queues);
    else if (ct_str_is(name, "WORKER"))
        offer_names(completion, complete_workers);
    else if (ct_str_is(name, "POOL"))
        offer_names(completion, complete_pools);
    else if (ct_str_is(name, "STATE"))
        offer_states(completion);
    else if (name.len >= 4 && memcmp(name.data + name.len - 4, "FILE", 4) == 0)
        offer_files(completion);
}

/* a|b|c */
static void offer_alternatives(const struct completion *completion, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "|");
        char *word = ct_strndup(text, len);

        offer(completion, word, NULL);
        free(word);
        text += len + (text[len] == '|');
    }
}

static void offer_values(struct completion *completion, const struct ct_option *option)
{
    const char *name = option->value_name ? option->value_name : "";

    if (strcmp(option->name, "profile") == 0)
        profile_each(offer_name, completion);
    else if (strcmp(option->name, "queue") == 0)
        offer_names(completion, complete_queues);
    else if (option->kind == CT_OPTION_ENUM)
        for (size_t i = 0; option->choices[i]; i++)
            offer(completion, option->choices[i], NULL);
    else if (strchr(name, '|') && strcmp(name, "JSON|@FILE|-") != 0)
        offer_alternatives(completion, name);
    else
        offer_placeholder(completion, ct_str_of(name));
}

/* The positional under the cursor: the n-th word of "QUEUE ID [OPTION]...". A last one that may be
 * repeated stands for all that follow. */
static void offer_argument(struct completion *completion)
{
    const char *usage = completion->command->program.usage;
    size_t place = 0;

    for (size_t i = first_argument(completion->command); i + 1 < completion->count; i++) {
        if (takes_next(completion->command, completion->words[i]))
            i++;
        else
            place += completion->words[i][0] != '-';
    }
    while (*usage && strncmp(usage, "[OPTION]", 8) != 0) {
        size_t len = strcspn(usage, " ");
        struct ct_str name = {usage, len};
        bool is_repeated = len > 3 && memcmp(usage + len - 3, "...", 3) == 0;

        name.len -= is_repeated ? 3 : 0;
        if (name.len > 2 && name.data[0] == '[')
            name = (struct ct_str){name.data + 1, name.len - 2};
        if (place == 0 || is_repeated) {
            offer_placeholder(completion, name);
            return;
        }
        place--;
        usage += len;
        usage += strspn(usage, " ");
    }
}

static void complete_command(struct completion *completion)
{
    const char *before = completion->words[completion->count - 2];
    const char *equals = strchr(completion->word, '=');
    const struct ct_option *option = option_of(completion->command, completion->word);

    if (equals && option && completion->word[1] == '-') {
        completion->offset = equals + 1;
        offer_values(completion, option);
    } else if (takes_next(completion->command, before)) {
        offer_values(completion, option_of(completion->command, before));
    } else if (completion->word[0] == '-') {
        offer_options(completion);
    } else {
        offer_argument(completion);
    }
}

void complete_line(const char *line, struct ct_buf *out)
{
    struct completion completion = {.out = out};
    struct ct_error ignored;

    split(&completion, line);
    if (completion.count == 0)
        goto out_words;
    completion.word = completion.offset = completion.words[completion.count - 1];
    if (completion.count == 1)
        offer_nouns(&completion);
    else if (command_find((int)completion.count - 1, completion.words, &completion.command,
                          &ignored) == CT_E_OK)
        complete_command(&completion);
    else if (completion.count == 2)
        offer_verbs(&completion);
out_words:
    for (size_t i = 0; i < completion.count; i++)
        free(completion.words[i]);
}
