/* Replay: runs one job once, in a runner of its pool under all of its limits, without any queue:
 * `cartrita-worker --replay FILE`, which `cartrita-q job replay` starts. What the job does goes to
 * the terminal; Redis hears nothing of it.
 *
 *   job.c    the job, read from FILE
 *   peer.c   stands in for the daemon: gives the job to the runner, takes what becomes of it
 *   replay.c the process: a slot, the peer, the end */
#ifndef WORKER_REPLAY_REPLAY_H
#define WORKER_REPLAY_REPLAY_H

#include "worker/config/config.h"

#define REPLAY_FILE_MAX (64u << 20) /* bytes */

/* The process's main, for config->replay; takes `config` over. config->debugger is put before the
 * runner's command line, and time limits are off then. Exit status: 0 completed, 1 failed or died,
 * 2 the job or the configuration is of no use. */
int replay_main(struct worker_config *config);

#endif
