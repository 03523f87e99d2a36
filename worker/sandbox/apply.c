/* Puts the sandbox in force, part by part, and says of each what came of it. See sandbox.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/assert.h"
#include "worker/sandbox/parts.h"

#define CLOSE_MAX 65536 /* without close_range(2): this many are tried */

/* Not 0: a core_pattern that is a program gets the dump whatever the limit is, unless it is 1. */
#define NO_CORE_BYTES 1

CT_PRINTF(3, 4)
static void report_add(struct sandbox_report *report, bool is_in_force, const char *format, ...)
{
    va_list args;

    ct_assert(report->count < SANDBOX_LINES_MAX);
    report->lines[report->count].is_in_force = is_in_force;
    va_start(args, format);
    vsnprintf(report->lines[report->count].text, SANDBOX_TEXT_MAX, format, args);
    va_end(args);
    report->count++;
}

void sandbox_probe(struct sandbox_support *out)
{
    *out = (struct sandbox_support){.has_seccomp = sandbox_seccomp_probe(),
                                    .landlock = sandbox_landlock_probe()};
}

bool sandbox_lacks(const struct sandbox_support *support, char *out, size_t size)
{
    const char *landlock = "";

    if (support->landlock == 0)
        landlock = "Landlock, so files are not protected from runners; ";
    else if (support->landlock < SANDBOX_LANDLOCK_SCOPE)
        landlock = "Landlock ABI 6, so a runner may signal other processes of its user; ";
    snprintf(out, size, "%s%s", landlock,
             support->has_seccomp ? "" : "seccomp, so no system call is denied; ");
    if (out[0] == '\0')
        return false;
    out[strlen(out) - 2] = '\0'; /* the last separator */
    return true;
}

void sandbox_close_beyond(int last)
{
    if (syscall(SYS_close_range, (unsigned)last + 1, ~0u, 0) == 0)
        return;
    for (int fd = last + 1; fd < CLOSE_MAX; fd++)
        close(fd);
}

static enum ct_code apply_core(const struct sandbox_target *target, struct sandbox_report *report,
                               struct ct_error *err)
{
    struct rlimit none = {NO_CORE_BYTES, NO_CORE_BYTES};
    struct rlimit limit;

    if (target->leaves_core) {
        report_add(report, true, "core dumps are left on, as asked: they hold job data");
        return CT_E_OK;
    }
    /* A lower limit than ours is as good. */
    if (getrlimit(RLIMIT_CORE, &limit) != 0 ||
        (limit.rlim_max > none.rlim_max && setrlimit(RLIMIT_CORE, &none) != 0) ||
        (!SANDBOX_ALLOWS_PTRACE && prctl(PR_SET_DUMPABLE, 0) != 0))
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: core dumps cannot be turned off: %s",
                            strerror(errno));
    report_add(report, true, "no core dumps");
    return CT_E_OK;
}

static void report_landlock(const struct sandbox_target *target, int abi,
                            struct sandbox_report *report)
{
    enum sandbox_preset preset = target->sandbox->preset;

    if (preset == SANDBOX_PURE)
        report_add(report, abi > 0,
                   "files (Landlock): reads the system's programs and libraries and what read: and "
                   "files: name, writes its temporary directory and what files: name");
    else if (preset == SANDBOX_NETWORK)
        report_add(report, abi > 0,
                   "files (Landlock): reads what its user may, writes its temporary directory and "
                   "what files: name");
    report_add(report, abi >= SANDBOX_LANDLOCK_SCOPE,
               "signals (Landlock ABI 6): to no process outside of the runner");
    if (preset != SANDBOX_OPEN)
        report_add(report, abi >= SANDBOX_LANDLOCK_SCOPE,
                   "abstract unix sockets (Landlock ABI 6): none of others");
}

static enum ct_code apply_landlock(const struct sandbox_target *target,
                                   const struct sandbox_support *support,
                                   struct sandbox_report *report, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (support->landlock > 0)
        rc = sandbox_landlock(target, support->landlock, err);
    if (rc == CT_E_OK)
        report_landlock(target, support->landlock, report);
    return rc;
}

static enum ct_code apply_seccomp(const struct sandbox_target *target,
                                  const struct sandbox_support *support,
                                  struct sandbox_report *report, struct ct_error *err)
{
    bool denies_truncate = support->landlock < SANDBOX_LANDLOCK_TRUNCATE;
    unsigned count;
    enum ct_code rc;

    if (!support->has_seccomp) {
        report_add(report, false, "system calls (seccomp): none is denied");
        return CT_E_OK;
    }
    rc = sandbox_seccomp(target, denies_truncate && support->landlock > 0, &count, err);
    if (rc != CT_E_OK)
        return rc;
    report_add(report, true, "system calls (seccomp): %u rules%s", count,
               target->sandbox->preset == SANDBOX_PURE ? ", no sockets" : "");
    if (SANDBOX_ALLOWS_PTRACE)
        report_add(report, false, "ptrace is allowed: this build looks for its own leaks by it");
    return CT_E_OK;
}

enum ct_code sandbox_apply(const struct sandbox_target *target,
                           const struct sandbox_support *support, struct sandbox_report *report,
                           struct ct_error *err)
{
    enum ct_code rc;

    report->count = 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: no_new_privs: %s", strerror(errno));
    report_add(report, true, "no new privileges: set-user-ID programs gain nothing");
    rc = apply_core(target, report, err);
    if (rc == CT_E_OK)
        rc = apply_landlock(target, support, report, err);
    if (rc == CT_E_OK)
        rc = apply_seccomp(target, support, report, err); /* last: it denies what the others use */
    return rc;
}
