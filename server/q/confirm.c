/* Telling and asking; see the header. */
#include "q/confirm.h"

#include <ctype.h>
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
    char answer[8];

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return ct_error_set(err, CT_E_USAGE,
                            "nothing was done: say --yes where nobody can be asked, or --dry-run "
                            "to see what would be");
    fprintf(stderr, "Go on? [y/N] ");
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) && tolower((unsigned char)answer[0]) == 'y')
        return CT_E_OK;
    return ct_error_set(err, CT_E_CANCELLED, "nothing was done");
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
