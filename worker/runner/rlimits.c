/* Limits of the kernel. See rlimits.h. The number of processes is none of them: RLIMIT_NPROC counts
 * all processes of a user, so one pool would pay for another (children-max is looked after by
 * limits.c). */
#include "worker/runner/rlimits.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"

static void rlimits_set(int which, const char *name, rlim_t value)
{
    struct rlimit limit;

    if (getrlimit(which, &limit) == 0 && limit.rlim_max < value)
        value = limit.rlim_max;
    limit = (struct rlimit){.rlim_cur = value, .rlim_max = value};
    if (setrlimit(which, &limit) != 0)
        ct_log_warn("limit not set", CT_STR("limit", name), CT_STR("error", strerror(errno)));
}

void rlimits_apply(int64_t files_max, int64_t file_size_max_mib)
{
    if (files_max)
        rlimits_set(RLIMIT_NOFILE, "files-max", (rlim_t)files_max);
    if (file_size_max_mib) {
        signal(SIGXFSZ, SIG_IGN); /* the write fails with EFBIG instead: the job's own business */
        rlimits_set(RLIMIT_FSIZE, "file-size-max", (rlim_t)file_size_max_mib << 20);
    }
}
