/* Whether a plugin may be loaded: its file, and each folder above it, must be safe from everybody
 * but root and the user whose worker this is, because who can replace a plugin runs its jobs.
 * Called by slot.c before each start of a runner, and by --check-plugin. */
#ifndef WORKER_TRUST_H
#define WORKER_TRUST_H

#include "common/error.h"
#include "common/option.h"

struct trust {
    const struct ct_option_list *folders; /* borrowed; plugins lie below one of these; empty: any */
    const struct ct_option_list *owners;  /* borrowed; whose plugins are loaded besides ours */
};

/* The plugin's path without links, as fresh memory: what was checked is what is to be loaded.
 * PLUGIN: `err` names the folder or file at fault, and the command that mends it. */
enum ct_code trust_check(const struct trust *trust, const char *path, char **out,
                         struct ct_error *err) CT_MUST_CHECK;

/* Whether each of `owners` is an account or a number; for the time of reading configurations. */
enum ct_code trust_check_owners(const struct ct_option_list *owners,
                                struct ct_error *err) CT_MUST_CHECK;

#endif
