/* Picking by why a job failed. See reason.h. */
#include "q/reason.h"

enum ct_code reason_init(struct reason *reason, const char *pattern, struct ct_error *err)
{
    char why[100];
    int problem;

    reason->is_set = false;
    if (!pattern)
        return CT_E_OK;
    problem = regcomp(&reason->regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (problem != 0) {
        regerror(problem, &reason->regex, why, sizeof why);
        return ct_error_set(err, CT_E_USAGE, "--reason %s: %s", pattern, why);
    }
    reason->is_set = true;
    return CT_E_OK;
}

void reason_fini(struct reason *reason)
{
    if (reason->is_set)
        regfree(&reason->regex);
    reason->is_set = false;
}

bool reason_matches(const struct reason *reason, struct ct_str text)
{
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)text.len}; /* it need not end with a NUL */

    return !reason->is_set ||
           (text.data && regexec(&reason->regex, text.data, 0, &whole, REG_STARTEND) == 0);
}
