/* completion bash, zsh, fish: a script for the shell, that asks `completion words` at each TAB; so
 * what it offers is always what this program knows. */
#include <signal.h>
#include <unistd.h>

#include "q/command.h"
#include "q/complete.h"

#define GIVE_UP_S 2 /* on all of it: somebody waits at a prompt */

static const char bash_script[] =
    "# Completion of cartrita-q for bash:  source <(cartrita-q completion bash)\n"
    "# or put this into a file where bash-completion looks.\n"
    "_cartrita_q() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} breaks='' prefix='' entry candidate entries\n"
    "    local word=${line##*[[:space:]]}\n"
    "    # Readline replaces only what stands behind the last : or = of the word.\n"
    "    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:\n"
    "    [[ $COMP_WORDBREAKS == *=* ]] && breaks+==\n"
    "    [[ $breaks && $word == *[$breaks]* ]] && prefix=${word%\"${word##*[$breaks]}\"}\n"
    "    COMPREPLY=()\n"
    "    mapfile -t entries < <(cartrita-q completion words \"$line\" 2>/dev/null)\n"
    "    for entry in \"${entries[@]}\"; do\n"
    "        if [[ $entry == $'\\tfiles' ]]; then\n"
    "            compopt -o default\n"
    "            return\n"
    "        fi\n"
    "        candidate=${entry%%$'\\t'*}\n"
    "        printf -v candidate %q \"${candidate#\"$prefix\"}\"\n"
    "        COMPREPLY+=(\"$candidate\")\n"
    "    done\n"
    "}\n"
    "complete -o nosort -F _cartrita_q cartrita-q\n";

static const char zsh_script[] =
    "#compdef cartrita-q\n"
    "# Completion of cartrita-q for zsh:  source <(cartrita-q completion zsh)\n"
    "# or put this into a file _cartrita-q in one of $fpath.\n"
    "_cartrita_q() {\n"
    "    local entry word\n"
    "    local -a entries found\n"
    "    entries=(\"${(@f)$(cartrita-q completion words \"${(j: :)words[1,CURRENT]}\" "
    "2>/dev/null)}\")\n"
    "    for entry in $entries; do\n"
    "        if [[ $entry == $'\\tfiles' ]]; then\n"
    "            _files\n"
    "            return\n"
    "        fi\n"
    "        word=${entry%%$'\\t'*}\n"
    "        if [[ $entry == *$'\\t'* ]]; then\n"
    "            found+=(\"${word//:/\\\\:}:${entry#*$'\\t'}\")\n"
    "        else\n"
    "            found+=(\"${word//:/\\\\:}\")\n"
    "        fi\n"
    "    done\n"
    "    (( $#found )) && _describe -V cartrita-q found\n"
    "}\n"
    "if [[ $funcstack[1] == _cartrita-q ]]; then\n"
    "    _cartrita_q\n"
    "else\n"
    "    compdef _cartrita_q cartrita-q\n"
    "fi\n";

static const char fish_script[] =
    "# Completion of cartrita-q for fish:  cartrita-q completion fish | source\n"
    "# or put this into ~/.config/fish/completions/cartrita-q.fish\n"
    "function __cartrita_q\n"
    "    for entry in (cartrita-q completion words (commandline -cp | string collect) "
    "2>/dev/null)\n"
    "        if test \"$entry\" = \\tfiles\n"
    "            __fish_complete_path (commandline -ct)\n"
    "        else\n"
    "            printf '%s\\n' $entry\n"
    "        end\n"
    "    end\n"
    "end\n"
    "complete -c cartrita-q -f -a '(__cartrita_q)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

static enum ct_code print_script(const struct command *self, const char *const *args,
                                 size_t arg_count, struct ct_error *err)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(scripts[i].shell, self->verb) == 0)
            fputs(scripts[i].script, stdout);
    }
    return CT_E_OK;
}

static void on_alarm(int number)
{
    _exit(0);
}

static enum ct_code print_words(const struct command *self, const char *const *args,
                                size_t arg_count, struct ct_error *err)
{
    struct ct_buf out;

    signal(SIGALRM, on_alarm);
    alarm(GIVE_UP_S);
    ct_buf_init(&out);
    complete_line(args[0], &out);
    alarm(0);
    fwrite(ct_buf_str(&out).data, 1, out.len, stdout);
    ct_buf_free(&out);
    return CT_E_OK;
}

#define SHELL(word)                                                             \
    const struct command cmd_completion_##word = {                              \
        .noun = "completion",                                                   \
        .verb = #word,                                                          \
        .program = {.name = "cartrita-q completion " #word,                     \
                    .usage = "",                                                \
                    .about = "Print a script that completes commands in " #word \
                             "; its head says where it goes."},                 \
        .tell = print_script,                                                   \
    }

SHELL(bash);
SHELL(zsh);
SHELL(fish);

const struct command cmd_completion_words = {
    .noun = "completion",
    .verb = "words",
    .program = {.name = "cartrita-q completion words",
                .usage = "LINE",
                .about = "Print what may come next on a command line, for these scripts."},
    .arg_min = 1,
    .arg_max = 1,
    .tell = print_words,
};
