/* What the kernel itself holds a runner and the processes below it to. Set once by runner.c, before
 * the plugin is opened; nobody below can raise it again. */
#ifndef WORKER_RLIMITS_H
#define WORKER_RLIMITS_H

#include <stdint.h>

/* 0: that one is left alone. A limit that the system has set lower stays. */
void rlimits_apply(int64_t files_max, int64_t file_size_max_mib);

#endif
