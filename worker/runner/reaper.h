/* A runner adopts the processes that its descendants leave behind, so that they still count as its
 * own (limits.h) and can be found when it dies (orphans.h). The kernel gives them to the main
 * thread. Here they are reaped when they have ended; children that the plugin itself started and
 * may wait for are left to it.
 *
 * Owned by runner.c. */
#ifndef WORKER_REAPER_H
#define WORKER_REAPER_H

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#define REAPER_LOOK_MS 1000u
#define REAPER_OWN_MAX 256u

struct reaper {
    uv_timer_t timer;
    pid_t own[REAPER_OWN_MAX]; /* children of the main thread that its plugin started in open */
    size_t own_count;
};

/* On the main thread, before the plugin is loaded. */
void reaper_adopt(void);
/* On the main thread, when the plugin is open. */
void reaper_open(struct reaper *reaper, uv_loop_t *loop);
void reaper_close(struct reaper *reaper);

#endif
