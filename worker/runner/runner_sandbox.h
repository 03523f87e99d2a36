/* A runner puts itself into the sandbox of its pool. Called by runner.c once: after the settings
 * are read, before the plugin is loaded (its constructors are plugin code) and before there is a
 * second thread. */
#ifndef WORKER_RUNNER_SANDBOX_H
#define WORKER_RUNNER_SANDBOX_H

#include "worker/runner/runner.h"

/* `supervisor`: 0 when a debugger is the parent. */
enum ct_code runner_sandbox(const struct runner_settings *settings, pid_t supervisor,
                            struct ct_error *err) CT_MUST_CHECK;

#endif
