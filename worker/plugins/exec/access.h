/* Why a command may have failed that our user cannot get at. Called by manager.c alone, when the
 * command has ended with an error: what it says itself then is seldom of help ("Cannot find
 * module"). */
#ifndef EXEC_ACCESS_H
#define EXEC_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

/* Looks at each word of `argv` (and of a shell's line) that may be a path, and at `folder` (NULL:
 * ours). True: `out` says which one the user may not reach, where, and what to do. */
bool access_explain(char *const *argv, const char *folder, char *out, size_t size);

#endif
