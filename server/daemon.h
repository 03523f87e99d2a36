/* The daemon: owns its parts, and the order in which they start, drain and stop. */
#ifndef CT_SERVER_DAEMON_H
#define CT_SERVER_DAEMON_H

#include "server/config.h"

/* After the grace: for what is finished to reach Redis. */
#define DAEMON_FLUSH_MS 5000

/* Runs until it was told to stop; returns the exit code. `err` says why it could not start. */
int daemon_run(const struct config *config, struct ct_error *err);

#endif
