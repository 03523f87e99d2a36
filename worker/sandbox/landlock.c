/* The part of the sandbox that Landlock does: files, TCP, signals and abstract sockets. See
 * sandbox.h. Called by apply.c.
 *
 * By raw system calls with constants of our own: the headers of Debian 12 stop at ABI 2, and what a
 * kernel knows is asked of the kernel. Bits it does not know are left out. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/mem.h"
#include "worker/sandbox/parts.h"

#define LANDLOCK_NR_CREATE   444 /* the same on every architecture */
#define LANDLOCK_NR_ADD      445
#define LANDLOCK_NR_RESTRICT 446

#define LANDLOCK_ASK_VERSION  1u
#define LANDLOCK_RULE_BENEATH 1

/* What may be done to a file. */
#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE       (UINT64_C(1) << 1)
#define FS_READ        (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR  (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_CHAR   (UINT64_C(1) << 6)
#define FS_MAKE_DIR    (UINT64_C(1) << 7)
#define FS_MAKE_FILE   (UINT64_C(1) << 8)
#define FS_MAKE_SOCK   (UINT64_C(1) << 9)
#define FS_MAKE_FIFO   (UINT64_C(1) << 10)
#define FS_MAKE_BLOCK  (UINT64_C(1) << 11)
#define FS_MAKE_LINK   (UINT64_C(1) << 12)
#define FS_REFER       (UINT64_C(1) << 13) /* ABI 2: link and rename between folders */
#define FS_TRUNCATE    (UINT64_C(1) << 14) /* ABI 3 */

#define FS_GRANT_READ (FS_READ | FS_READ_DIR)
#define FS_GRANT_WRITE                                                                       \
    (FS_WRITE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_FILE | FS_MAKE_SOCK | \
     FS_MAKE_FIFO | FS_MAKE_LINK | FS_REFER | FS_TRUNCATE)
/* Devices are never granted: one made in a temporary folder would be the whole disk. */
#define FS_WRITES     (FS_GRANT_WRITE | FS_MAKE_CHAR | FS_MAKE_BLOCK)
#define FS_OF_A_FILE  (FS_EXECUTE | FS_WRITE | FS_READ | FS_TRUNCATE)
#define NET_TCP       UINT64_C(3) /* bind, connect */
#define SCOPE_SOCKETS UINT64_C(1) /* abstract unix sockets of others */
#define SCOPE_SIGNALS UINT64_C(2) /* to processes outside */

struct landlock_rules {
    uint64_t fs, net, scoped;
};

struct landlock_beneath {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

int sandbox_landlock_probe(void)
{
    long abi = syscall(LANDLOCK_NR_CREATE, NULL, 0, LANDLOCK_ASK_VERSION);

    return abi > 0 ? (int)abi : 0;
}

static uint64_t landlock_known_fs(int abi)
{
    uint64_t known = FS_REFER - 1; /* all of ABI 1 lie below it */

    if (abi >= 2)
        known |= FS_REFER;
    if (abi >= SANDBOX_LANDLOCK_TRUNCATE)
        known |= FS_TRUNCATE;
    return known;
}

static struct landlock_rules landlock_rules_of(enum sandbox_preset preset, int abi)
{
    struct landlock_rules rules = {0, 0, 0};

    if (abi >= SANDBOX_LANDLOCK_SCOPE)
        rules.scoped = preset == SANDBOX_OPEN ? SCOPE_SIGNALS : SCOPE_SIGNALS | SCOPE_SOCKETS;
    if (preset == SANDBOX_NETWORK)
        rules.fs = FS_WRITES;
    else if (preset == SANDBOX_PURE)
        rules.fs = FS_WRITES | FS_GRANT_READ | FS_EXECUTE;
    if (preset == SANDBOX_PURE && abi >= SANDBOX_LANDLOCK_NET)
        rules.net = NET_TCP;
    rules.fs &= landlock_known_fs(abi);
    return rules;
}

/* `is_needed`: that it does not exist is an error. */
static enum ct_code landlock_grant(int ruleset, uint64_t handled, const char *path, unsigned access,
                                   bool is_needed, struct ct_error *err)
{
    struct landlock_beneath rule = {0, -1};
    struct stat status;
    enum ct_code rc = CT_E_OK;

    if (access & SANDBOX_READ)
        rule.access |= FS_GRANT_READ;
    if (access & SANDBOX_EXECUTE)
        rule.access |= FS_EXECUTE;
    if (access & SANDBOX_WRITE)
        rule.access |= FS_GRANT_WRITE;
    rule.access &= handled;
    if (rule.access == 0)
        return CT_E_OK;
    rule.fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.fd < 0) {
        if (!is_needed)
            return CT_E_OK; /* what is not there, or not for this user, needs no grant */
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: %.150s: %s", path, strerror(errno));
    }
    if (fstat(rule.fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.access &= FS_OF_A_FILE;
    if (rule.access != 0 && syscall(LANDLOCK_NR_ADD, ruleset, LANDLOCK_RULE_BENEATH, &rule, 0) != 0)
        rc = ct_error_set(err, CT_E_SYSTEM, "sandbox: a Landlock rule for %.150s: %s", path,
                          strerror(errno));
    close(rule.fd);
    return rc;
}

static enum ct_code landlock_grant_pattern(int ruleset, uint64_t handled,
                                           const struct sandbox_grant *grant, struct ct_error *err)
{
    glob_t found;
    enum ct_code rc = CT_E_OK;

    if (!strchr(grant->pattern, '*'))
        return landlock_grant(ruleset, handled, grant->pattern, grant->access, false, err);
    if (glob(grant->pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && rc == CT_E_OK; i++)
            rc = landlock_grant(ruleset, handled, found.gl_pathv[i], grant->access, false, err);
    globfree(&found);
    return rc;
}

/* What lies beside the plugin: its libraries and data. Read after its links are followed. */
static enum ct_code landlock_grant_plugin(int ruleset, uint64_t handled, const char *plugin,
                                          struct ct_error *err)
{
    char *path = realpath(plugin, NULL);
    char *slash = path ? strrchr(path, '/') : NULL;
    enum ct_code rc = CT_E_OK;

    /* One that is not there is refused by the loader, in better words. */
    if (slash) {
        slash[slash == path] = '\0';
        rc = landlock_grant(ruleset, handled, path, SANDBOX_READ | SANDBOX_EXECUTE, false, err);
    }
    free(path);
    return rc;
}

static enum ct_code landlock_grant_all(int ruleset, uint64_t handled,
                                       const struct sandbox_target *target, struct ct_error *err)
{
    const struct sandbox *sandbox = target->sandbox;
    const struct sandbox_grant *grant = sandbox_grants(sandbox->preset);
    enum ct_code rc = CT_E_OK;

    for (; grant->pattern && rc == CT_E_OK; grant++)
        rc = landlock_grant_pattern(ruleset, handled, grant, err);
    for (size_t i = 0; i < sandbox->path_count && rc == CT_E_OK; i++)
        rc = landlock_grant(ruleset, handled, sandbox->paths[i].path,
                            sandbox->paths[i].is_writable ? SANDBOX_READ | SANDBOX_WRITE
                                                          : SANDBOX_READ | SANDBOX_EXECUTE,
                            true, err);
    if (rc == CT_E_OK && target->temp_dir)
        rc = landlock_grant(ruleset, handled, target->temp_dir, SANDBOX_READ | SANDBOX_WRITE, true,
                            err);
    if (rc == CT_E_OK && target->plugin)
        rc = landlock_grant_plugin(ruleset, handled, target->plugin, err);
    return rc;
}

enum ct_code sandbox_landlock(const struct sandbox_target *target, int abi, struct ct_error *err)
{
    struct landlock_rules rules = landlock_rules_of(target->sandbox->preset, abi);
    enum ct_code rc;
    int ruleset;

    if (!rules.fs && !rules.net && !rules.scoped)
        return CT_E_OK; /* `open` on an ABI without scopes */
    ruleset = (int)syscall(LANDLOCK_NR_CREATE, &rules, sizeof rules, 0);
    if (ruleset < 0)
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: Landlock ABI %d gives no rule set: %s", abi,
                            strerror(errno));
    rc = landlock_grant_all(ruleset, rules.fs, target, err);
    if (rc == CT_E_OK && syscall(LANDLOCK_NR_RESTRICT, ruleset, 0) != 0)
        rc = ct_error_set(err, CT_E_SYSTEM, "sandbox: Landlock cannot be put in force: %s",
                          strerror(errno));
    close(ruleset);
    return rc;
}
