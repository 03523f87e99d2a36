/* The inside of the sandbox: what its files need of each other. Nobody else includes this. */
#ifndef WORKER_SANDBOX_PARTS_H
#define WORKER_SANDBOX_PARTS_H

#include <stdint.h>

#include "worker/sandbox/sandbox.h"

/* The leak check of AddressSanitizer stops the process by ptrace as it ends: in such a build ptrace
 * is left alone. The report says so. */
#if defined __SANITIZE_ADDRESS__
#define SANDBOX_ALLOWS_PTRACE 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANDBOX_ALLOWS_PTRACE 1
#endif
#endif
#ifndef SANDBOX_ALLOWS_PTRACE
#define SANDBOX_ALLOWS_PTRACE 0
#endif

#define SANDBOX_LANDLOCK_TRUNCATE 3 /* from this ABI on it knows truncate(2) */
#define SANDBOX_LANDLOCK_NET      4 /* TCP */
#define SANDBOX_LANDLOCK_SCOPE    6 /* signals and abstract sockets */

/* What may be done with a path and what lies below it. */
#define SANDBOX_READ    1u
#define SANDBOX_EXECUTE 2u
#define SANDBOX_WRITE   4u

struct sandbox_grant {
    const char *pattern; /* a path; with a '*': all that match */
    unsigned access;
};

/* What a preset grants by itself; ends with a NULL. For SANDBOX_OPEN an empty list. */
const struct sandbox_grant *sandbox_grants(enum sandbox_preset preset);

/* CT_E_OK, or an error that names the path or the call. Not called where Landlock is missing. */
enum ct_code sandbox_landlock(const struct sandbox_target *target, int abi, struct ct_error *err);
int sandbox_landlock_probe(void);

/* *count: calls that it denies. Not called where seccomp is missing. `denies_truncate`: Landlock
 * cannot. */
enum ct_code sandbox_seccomp(const struct sandbox_target *target, bool denies_truncate,
                             unsigned *count, struct ct_error *err);
bool sandbox_seccomp_probe(void);

#endif
