/* The supervisor: pools of runners, the private daemon, signals. Called by main.c. It never loads a
 * plugin and never sees a job's data. */
#ifndef WORKER_SUPERVISOR_H
#define WORKER_SUPERVISOR_H

#include "worker/config/config.h"

/* Runs until it is told to stop; returns an exit status. Takes `config` over. `argc` and `argv` are
 * read again at SIGHUP. */
int supervisor_main(struct worker_config *config, int argc, char *const *argv);

#endif
