/* The last words of a runner: when a thread of it crashes or calls exit(), that thread's jobs, the
 * signal, the address and a backtrace go into the flight recorder before the process ends as it
 * would have ended anyway. Called by runner.c and threads.c.
 *
 * What runs here runs in a broken process, on a stack of its own: it takes no lock and no memory
 * before the facts are written, and a deadline ends it. It never keeps the process alive, and it
 * leaves a handler that was there before (a sanitizer's, a language runtime's) its say. */
#ifndef WORKER_CRASH_H
#define WORKER_CRASH_H

#include <stddef.h>
#include <stdint.h>

#include "worker/shared/recorder.h"

#define CRASH_DEADLINE_S 2u /* for the backtrace */

/* In every thread, from now on. Before a plugin is loaded: a language runtime in it that handles
 * faults of its own puts its handlers over ours, and passes on what it does not know. */
void crash_watch(void);
/* Where to write; until then a crash is only passed on. It must stay open to the end of the
 * process. */
void crash_record(struct recorder *recorder);

/* A stack for the handler in the calling thread, so that it can tell of an overflow of the
 * thread's own. Freed by crash_thread_close in the same thread. */
struct crash_stack {
    void *memory; /* owned; NULL: the thread had one already, or there is no memory */
    size_t size;
};

void crash_thread_open(struct crash_stack *stack);
void crash_thread_close(struct crash_stack *stack);

/* The calling thread works on these entries of the recorder from now on; 0: on none. */
void crash_blame(size_t first, size_t count);

#endif
