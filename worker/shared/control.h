/* The control socket between a supervisor and one runner: lines of text, both ends are the same
 * binary. The supervisor's end is in slot.c, the runner's in runner.c.
 *
 *   to the runner    {...}              first: its settings, one line of JSON (runner.h)
 *                    drain              fetch nothing more, finish what runs, exit
 *                    retire             the same, however long that takes; drain may follow
 *                    stop               hand back what runs, exit
 *                    pause              fetch nothing more, finish what runs, stay
 *                    resume             fetch again
 *                    dialled N          with a socket: the connection it asked for (dialler.h)
 *                    undialled N TEXT   there is none, and why
 *   from the runner  ready NAME VERSION its plugin is open and it takes jobs
 *                    failed TEXT        it could not start, and why; it exits
 *                    unusable TEXT      the same, and no other try can do better: the plugin is
 *                                       none
 *                    stuck TEXT         a job does not stop: it drains, and wants to be replaced
 *                    dial N             wants a connection to the daemon; N counts them
 *                    recycle            it has run its number of jobs, and goes on
 *                    bye                it holds nothing any more; it exits
 *
 * A runner whose control socket closes exits at once: its supervisor is gone. */
#ifndef WORKER_CONTROL_H
#define WORKER_CONTROL_H

#define CONTROL_FD           3 /* in the runner */
#define RECORDER_FD          4
#define LOG_FD               5          /* its own log lines; stdout and stderr are the plugin's */
#define CONTROL_LINE_MAX     2048       /* bytes of a line but the first */
#define CONTROL_SETTINGS_MAX (4u << 20) /* bytes of the first line */

#define CONTROL_DRAIN     "drain"
#define CONTROL_RETIRE    "retire"
#define CONTROL_STOP      "stop"
#define CONTROL_PAUSE     "pause"
#define CONTROL_RESUME    "resume"
#define CONTROL_READY     "ready "
#define CONTROL_FAILED    "failed "
#define CONTROL_UNUSABLE  "unusable "
#define CONTROL_STUCK     "stuck "
#define CONTROL_RECYCLE   "recycle"
#define CONTROL_BYE       "bye"
#define CONTROL_DIAL      "dial "
#define CONTROL_DIALLED   "dialled "
#define CONTROL_UNDIALLED "undialled "

#define RUNNER_EXIT_FAILED 3  /* said "failed" or "unusable" */
#define RUNNER_EXIT_STUCK  75 /* said "stuck" */
#define RUNNER_EXIT_ORPHAN 76 /* its supervisor is gone */

#endif
