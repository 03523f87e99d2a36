/* Telling and asking; see the header. */
#include "q/confirm.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "q/text.h"

void confirm_say(struct ct_buf *line)
{
    struct ct_buf shown;

    ct_buf_init(&shown);
    text_append_shown(&shown, ct_buf_str(line), TEXT_NO_LIMIT);
    fprintf(stderr, "%.*s\n", (int)shown.len, shown.len ? ct_buf_data(&shown) : "");
    ct_buf_free(&shown);
    ct_buf_free(line);
}

static enum ct_code ask(struct ct_error *err)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL}, before;
    char answer[8];
    bool is_yes;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return ct_error_set(err, CT_E_USAGE,
                            "nothing was done: say --yes where nobody can be asked, or --dry-run "
                            "to see what would be");
    /* A signal that is only noted would not end the wait when it comes just before. */
    sigaction(SIGINT, &fallback, &before);
    fprintf(stderr, "Go on? [y/N] ");
    fflush(stderr);
    is_yes = fgets(answer, sizeof answer, stdin) && tolower((unsigned char)answer[0]) == 'y';
    sigaction(SIGINT, &before, NULL);
    return is_yes ? CT_E_OK : ct_error_set(err, CT_E_CANCELLED, "nothing was done");
}

enum ct_code confirm(const struct confirm_settings *settings, int64_t count, struct ct_buf *what,
                     bool *is_go, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    *is_go = count > 0 && !settings->is_dry;
    confirm_say(what);
    if (*is_go && !settings->is_yes)
        rc = ask(err);
    return rc;
}
