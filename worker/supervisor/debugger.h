/* A runner under a debugger. Called by slot.c for a replay. */
#ifndef WORKER_DEBUGGER_H
#define WORKER_DEBUGGER_H

#define DEBUGGER_WORDS_MAX 16 /* of the debugger's command; the rest is left out */

/* `debugger` in words (between blanks), then `args` (ends with NULL); gdb alone becomes gdb --args.
 * One block for the caller to free; `args` must outlive it. */
char **debugger_argv(const char *debugger, char *const *args);

#endif
