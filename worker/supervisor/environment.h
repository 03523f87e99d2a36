/* The environment of the processes that a supervisor starts: its own, without what is meant for it
 * alone. Called by slot.c and private.c. */
#ifndef WORKER_ENVIRONMENT_H
#define WORKER_ENVIRONMENT_H

#include "worker/config/user.h"

/* Ours without what `dropped` names ("NAME", or "NAME*" for all that begin so; ends with NULL), and
 * with `added` ("NAME=VALUE", which replaces; ends with NULL). One block for the caller to free. */
char **environment_with(const char *const *dropped, char *const *added);

/* For a runner: without the secrets and the systemd sockets of the supervisor, with the home of
 * `user` if that is another, `temp_dir` (may be NULL) for temporary files, and the mark of its
 * supervisor `worker` (sweeper.h). One block for the caller to free. */
char **environment_runner(const struct user *user, const char *temp_dir, const char *worker);

#endif
