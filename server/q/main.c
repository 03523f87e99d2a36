/* cartrita-q: looks at queues and adds jobs, straight on Redis; looks at workers and gives them
 * orders, through a daemon. Finds the command, reads its flags, runs it, and turns its error into a
 * message and an exit code. Data goes to stdout, all else to stderr. */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/standard.h"
#include "q/command.h"
#include "q/profile.h"
#include "q/text.h"

static int exit_code(enum ct_code code)
{
    switch (code) {
    case CT_E_OK:
        return 0;
    case CT_E_INVALID:
    case CT_E_USAGE:
    case CT_E_BAD_JSON:
        return 2;
    case CT_E_NOT_FOUND:
    case CT_E_JOB_MISSING:
        return 3;
    case CT_E_CONFLICT:
    case CT_E_UNSUPPORTED:
    case CT_E_NOT_ACTIVE:
    case CT_E_LOCK_LOST:
    case CT_E_REDIS_TYPE:
        return 4;
    case CT_E_CLOSED:
    case CT_E_REDIS_DOWN:
    case CT_E_REDIS_LOADING:
        return 5;
    case CT_E_REDIS_AUTH:
    case CT_E_REDIS_PERM:
    case CT_E_REDIS_READONLY:
        return 6;
    case CT_E_TIMEOUT:
        return 7;
    default:
        return 1;
    }
}

static enum ct_code check_args(const struct command *command, const struct ct_option_set *set,
                               struct ct_error *err)
{
    if (set->positional_count > command->arg_max)
        return ct_error_set(err, CT_E_USAGE, "\"%s\" is one argument too many: %s %s",
                            set->positionals[command->arg_max], command->program.name,
                            command->program.usage);
    for (size_t i = 0; i < command->arg_max; i++) {
        if (i < set->positional_count ? set->positionals[i][0] == '\0' : i < command->arg_min)
            return ct_error_set(err, CT_E_USAGE, "an argument is missing or empty: %s %s",
                                command->program.name, command->program.usage);
    }
    return CT_E_OK;
}

static enum ct_code run_link(const struct command *command, const struct ct_option_set *set,
                             struct ct_error *err)
{
    struct daemon_link link;
    enum ct_code rc = daemon_link_open(&link, set->settings, err);

    if (rc != CT_E_OK)
        return rc;
    rc = command->ask(command, &link, set->settings, set->positionals, set->positional_count, err);
    daemon_link_close(&link);
    return rc;
}

static enum ct_code run_session(const struct command *command, const struct ct_option_set *set,
                                struct ct_error *err)
{
    struct session session;
    enum ct_code rc = session_open(&session, set, err);

    if (rc != CT_E_OK)
        return rc;
    rc = command->run(&session, set->settings, set->positionals, set->positional_count, err);
    session_close(&session);
    return rc;
}

static enum ct_code run(const struct command *command, const struct ct_option_set *set,
                        struct ct_error *err)
{
    if (command->tell)
        return command->tell(command, set->positionals, set->positional_count, err);
    return command->ask ? run_link(command, set, err) : run_session(command, set, err);
}

static enum ct_code run_command(const struct command *command, int argc, char *const *argv,
                                struct ct_error *err)
{
    struct ct_program program = command->program;
    char *footer = NULL;
    void *settings = ct_zalloc(command->settings_size);
    struct ct_option_set set;
    enum ct_code rc;

    program.version = CARTRITA_VERSION;
    if (program.footer)
        footer = ct_asprintf("%s\n\n%s", program.footer, command_exit_codes);
    program.footer = footer ? footer : command_exit_codes;
    ct_option_open(&set, &program, settings);
    rc = ct_option_read_args(&set, argc, argv, err);
    if (rc == CT_E_OK && ct_option_answer(&set, stdout))
        goto out;
    if (rc == CT_E_OK)
        rc = ct_option_read_env(&set, err);
    if (rc == CT_E_OK)
        rc = profile_apply(&set, err);
    if (rc == CT_E_OK)
        rc = check_args(command, &set, err);
    if (rc == CT_E_OK)
        rc = run(command, &set, err);
out:
    ct_option_close(&set);
    free(settings);
    free(footer);
    return rc;
}

/* What could not be written is an error like any other: half a list must not look like a whole. */
static int end(const struct ct_error *err, const char *program)
{
    if (err->code != CT_E_OK) {
        struct ct_buf shown; /* it may quote what others wrote */

        ct_buf_init(&shown);
        text_append_shown(&shown,
                          ct_str_of(err->detail[0] ? err->detail : ct_error_text(err->code)),
                          TEXT_NO_LIMIT);
        fflush(stdout);
        fprintf(stderr, "cartrita-q: %.*s\n", (int)shown.len, ct_buf_data(&shown));
        ct_buf_free(&shown);
        if (err->code == CT_E_USAGE && !strstr(err->detail, " --help"))
            fprintf(stderr, "see %s --help\n", program);
        return exit_code(err->code);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("cartrita-q: stdout");
        return 1;
    }
    return 0;
}

/* `help` by itself is what people try first. */
static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv)
{
    const struct command *command = NULL;
    struct ct_error err = {.code = CT_E_OK};

    ct_standard_open();
    /* Widths of characters come from the C library's table for UTF-8. */
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    ct_log_setup(CT_LOG_ERROR, "cartrita-q");
    if (argc == 2 && (is_help(argv[1]) || strcmp(argv[1], "--man") == 0)) {
        command_print_overview(NULL, !is_help(argv[1]), stdout);
        return end(&err, "cartrita-q");
    }
    if (argc == 3 && is_help(argv[2]) && command_is_noun(argv[1])) {
        command_print_overview(argv[1], false, stdout);
        return end(&err, "cartrita-q");
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("cartrita-q %s\n", CARTRITA_VERSION);
        return end(&err, "cartrita-q");
    }
    if (command_find(argc - 1, argv + 1, &command, &err) != CT_E_OK)
        return end(&err, "cartrita-q");
    int words = command->verb ? 3 : 2;
    err.code = run_command(command, argc - words, argv + words, &err);
    return end(&err, command->program.name);
}
