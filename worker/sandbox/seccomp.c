/* The part of the sandbox that seccomp does: system calls. See sandbox.h. Called by apply.c.
 *
 * A list of what is denied, not of what is allowed: plugins and what they start are other people's
 * programs, in any language, and C libraries begin to use new calls without asking. A list of what
 * is allowed would break them with each update, and users would turn it off. What is denied here is
 * what no job has a use for and what reaches beyond the runner.
 *
 * 32-bit calls and x32 are other doors to the same kernel: they are refused as a whole, but for
 * `open`, where the 32-bit ABI gets the same rules. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "worker/sandbox/parts.h"

#define LOW32      UINT64_C(0xffffffff) /* an int's part of a register: the rest may be anything */
#define ANY_ARG    7u
#define ANY_PRESET 7u

#define IN(preset) (1u << (preset))
#define PURE       IN(SANDBOX_PURE)

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif
#define PERSONALITY_READ UINT64_C(0xffffffff)
#define IOPRIO_WHO_USER  3
#define SOCK_TYPE_MASK   0xf

/* Denied whatever the arguments. */
static const struct {
    const char *name;
    unsigned presets;
    int error;
} denied[] = {
    /* into other processes */
    {"process_vm_readv", ANY_PRESET, EPERM},
    {"process_vm_writev", ANY_PRESET, EPERM},
    {"kcmp", ANY_PRESET, EPERM},
    {"pidfd_getfd", ANY_PRESET, EPERM},
    {"pidfd_send_signal", ANY_PRESET, EPERM}, /* kill has rules; this one hides the pid */
    /* the kernel */
    {"kexec_load", ANY_PRESET, EPERM},
    {"kexec_file_load", ANY_PRESET, EPERM},
    {"init_module", ANY_PRESET, EPERM},
    {"finit_module", ANY_PRESET, EPERM},
    {"delete_module", ANY_PRESET, EPERM},
    {"bpf", ANY_PRESET, EPERM},
    {"perf_event_open", ANY_PRESET, EPERM},
    {"userfaultfd", ANY_PRESET, EPERM},
    {"io_uring_setup", ANY_PRESET, EPERM}, /* its operations pass by this filter */
    {"io_uring_enter", ANY_PRESET, EPERM},
    {"io_uring_register", ANY_PRESET, EPERM},
    {"keyctl", ANY_PRESET, EPERM},
    {"add_key", ANY_PRESET, EPERM},
    {"request_key", ANY_PRESET, EPERM},
    {"syslog", ANY_PRESET, EPERM},
    {"lookup_dcookie", ANY_PRESET, EPERM},
    /* the machine */
    {"reboot", ANY_PRESET, EPERM},
    {"swapon", ANY_PRESET, EPERM},
    {"swapoff", ANY_PRESET, EPERM},
    {"settimeofday", ANY_PRESET, EPERM},
    {"clock_settime", ANY_PRESET, EPERM},
    {"clock_adjtime", ANY_PRESET, EPERM},
    {"adjtimex", ANY_PRESET, EPERM},
    {"stime", ANY_PRESET, EPERM},
    {"sethostname", ANY_PRESET, EPERM},
    {"setdomainname", ANY_PRESET, EPERM},
    {"acct", ANY_PRESET, EPERM},
    {"quotactl", ANY_PRESET, EPERM},
    {"quotactl_fd", ANY_PRESET, EPERM},
    {"iopl", ANY_PRESET, EPERM},
    {"ioperm", ANY_PRESET, EPERM},
    {"vhangup", ANY_PRESET, EPERM},
    /* another view of the file system */
    {"mount", ANY_PRESET, EPERM},
    {"umount", ANY_PRESET, EPERM},
    {"umount2", ANY_PRESET, EPERM},
    {"move_mount", ANY_PRESET, EPERM},
    {"open_tree", ANY_PRESET, EPERM},
    {"fsopen", ANY_PRESET, EPERM},
    {"fsconfig", ANY_PRESET, EPERM},
    {"fsmount", ANY_PRESET, EPERM},
    {"fspick", ANY_PRESET, EPERM},
    {"mount_setattr", ANY_PRESET, EPERM},
    {"pivot_root", ANY_PRESET, EPERM},
    {"chroot", ANY_PRESET, EPERM},
    {"setns", ANY_PRESET, EPERM},
    {"open_by_handle_at", ANY_PRESET, EPERM},
    {"fanotify_init", ANY_PRESET, EPERM},
    /* Its flags lie in memory, where no filter can look. As if the kernel did not have it yet: C
     * libraries then use clone, whose flags are looked at. */
    {"clone3", ANY_PRESET, ENOSYS},
    /* beyond the process, for a job that only computes */
    {"connect", PURE, EACCES},
    {"bind", PURE, EACCES},
    {"listen", PURE, EACCES},
    {"msgget", PURE, EACCES},
    {"semget", PURE, EACCES},
    {"shmget", PURE, EACCES},
    {"mq_open", PURE, EACCES},
    {"mq_unlink", PURE, EACCES},
};

/* Denied when the bits of `mask` in argument `arg` are `value`. */
static const struct {
    const char *name;
    unsigned presets;
    int error;
    unsigned arg;
    uint64_t mask, value;
} denied_if[] = {
#define CLONE_RULES(name, flag)                \
    {                                          \
        name, ANY_PRESET, EPERM, 0, flag, flag \
    }
    CLONE_RULES("clone", CLONE_NEWNS),
    CLONE_RULES("clone", CLONE_NEWUTS),
    CLONE_RULES("clone", CLONE_NEWIPC),
    CLONE_RULES("clone", CLONE_NEWUSER),
    CLONE_RULES("clone", CLONE_NEWPID),
    CLONE_RULES("clone", CLONE_NEWNET),
    CLONE_RULES("clone", CLONE_NEWCGROUP),
    CLONE_RULES("clone",
                CLONE_PARENT), /* a child of the supervisor: no limit of its runner counts it */
    CLONE_RULES("unshare", CLONE_NEWNS),
    CLONE_RULES("unshare", CLONE_NEWUTS),
    CLONE_RULES("unshare", CLONE_NEWIPC),
    CLONE_RULES("unshare", CLONE_NEWUSER),
    CLONE_RULES("unshare", CLONE_NEWPID),
    CLONE_RULES("unshare", CLONE_NEWNET),
    CLONE_RULES("unshare", CLONE_NEWCGROUP),
    CLONE_RULES("unshare", CLONE_NEWTIME),
    /* Keys typed into the terminal of whoever started the worker. */
    {"ioctl", ANY_PRESET, EPERM, 1, LOW32, TIOCSTI},
    {"ioctl", ANY_PRESET, EPERM, 1, LOW32, TIOCLINUX},
    /* A signal to whoever is named as the owner of a descriptor. */
    {"ioctl", ANY_PRESET, EPERM, 1, LOW32, FIOSETOWN},
    {"ioctl", ANY_PRESET, EPERM, 1, LOW32, SIOCSPGRP},
    {"fcntl", ANY_PRESET, EPERM, 1, LOW32, F_SETOWN},
    {"fcntl", ANY_PRESET, EPERM, 1, LOW32, F_SETOWN_EX},
    /* All processes of the user, of which the supervisor may be one. */
    {"kill", ANY_PRESET, EPERM, 0, LOW32, LOW32 /* -1 */},
    {"setpriority", ANY_PRESET, EPERM, 0, LOW32, PRIO_USER},
    {"ioprio_set", ANY_PRESET, EPERM, 0, LOW32, IOPRIO_WHO_USER},
    /* A pair is a pipe; but one of datagrams could send to any address. */
    {"socketpair", PURE, EACCES, 1, SOCK_TYPE_MASK, SOCK_DGRAM},
    {"socketpair", PURE, EACCES, 1, SOCK_TYPE_MASK, SOCK_RAW},
    {"sendmsg", PURE, EACCES, 2, MSG_FASTOPEN, MSG_FASTOPEN},
    {"sendmmsg", PURE, EACCES, 3, MSG_FASTOPEN, MSG_FASTOPEN},
};

/* Denied unless argument `arg` is `value`. */
static const struct {
    const char *name;
    unsigned presets;
    int error;
    unsigned arg;
    uint64_t value;
} denied_unless[] = {
    {"personality", ANY_PRESET, EPERM, 0, PERSONALITY_READ},
    {"prlimit64", ANY_PRESET, EPERM, 0, 0}, /* of itself alone */
    {"sendto", PURE, EACCES, 4, 0},         /* no address */
};

/* Calls with a pid in argument `arg`: not that of the supervisor. */
static const struct {
    const char *name;
    unsigned arg;
} of_a_process[] = {
    {"kill", 0},          {"tkill", 0},
    {"tgkill", 0},        {"rt_sigqueueinfo", 0},
    {"pidfd_open", 0},    {"rt_tgsigqueueinfo", 0},
    {"setpriority", 1},   {"sched_setaffinity", 0},
    {"sched_setattr", 0}, {"sched_setscheduler", 0},
    {"ioprio_set", 1},    {"sched_setparam", 0},
    {"move_pages", 0},    {"migrate_pages", 0},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

bool sandbox_seccomp_probe(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* The filter that is being made. */
struct seccomp_rules {
    scmp_filter_ctx filter;
    enum sandbox_preset preset;
    unsigned count;
    int failed; /* errno; 0: none */
    const char *failed_at;
};

static void rules_add(struct seccomp_rules *rules, const char *name, int error,
                      const struct scmp_arg_cmp *args, unsigned arg_count)
{
    int number = seccomp_syscall_resolve_name(name);
    int rc;

    if (number == __NR_SCMP_ERROR || rules->failed)
        return; /* newer than the library, which is as old as the kernel it came with */
    rc = seccomp_rule_add_array(rules->filter, SCMP_ACT_ERRNO((uint16_t)error), number, arg_count,
                                args);
    if (rc == 0) {
        rules->count++;
    } else {
        rules->failed = -rc;
        rules->failed_at = name;
    }
}

static void rules_add_fixed(struct seccomp_rules *rules)
{
    unsigned preset = IN(rules->preset);

    for (size_t i = 0; i < COUNT(denied); i++)
        if (denied[i].presets & preset)
            rules_add(rules, denied[i].name, denied[i].error, NULL, 0);
    if (!SANDBOX_ALLOWS_PTRACE)
        rules_add(rules, "ptrace", EPERM, NULL, 0);
    for (size_t i = 0; i < COUNT(denied_if); i++) {
        struct scmp_arg_cmp arg = {denied_if[i].arg, SCMP_CMP_MASKED_EQ, denied_if[i].mask,
                                   denied_if[i].value};

        if (denied_if[i].presets & preset)
            rules_add(rules, denied_if[i].name, denied_if[i].error, &arg, 1);
    }
    for (size_t i = 0; i < COUNT(denied_unless); i++) {
        struct scmp_arg_cmp arg = {denied_unless[i].arg, SCMP_CMP_NE, denied_unless[i].value, 0};

        if (denied_unless[i].presets & preset)
            rules_add(rules, denied_unless[i].name, denied_unless[i].error, &arg, 1);
    }
}

static void rules_add_pid(struct seccomp_rules *rules, const char *name, unsigned arg, int pid)
{
    struct scmp_arg_cmp cmp = {arg, SCMP_CMP_MASKED_EQ, LOW32, (uint32_t)pid};

    rules_add(rules, name, EPERM, &cmp, 1);
}

/* Where Landlock has scopes this is said twice; where it has none, it is all there is. */
static void rules_add_supervisor(struct seccomp_rules *rules, pid_t supervisor)
{
    pid_t group = getpgid(supervisor);

    for (size_t i = 0; i < COUNT(of_a_process); i++)
        rules_add_pid(rules, of_a_process[i].name, of_a_process[i].arg, supervisor);
    rules_add_pid(rules, "kill", 0, -supervisor);
    if (group > 0 && group != supervisor && group != getpgrp()) {
        rules_add_pid(rules, "kill", 0, -group);
        rules_add_pid(rules, "setpriority", 1, group);
        rules_add_pid(rules, "ioprio_set", 1, group);
    }
}

/* For a Landlock that cannot: shortening a file without opening it to write. */
static void rules_add_truncate(struct seccomp_rules *rules)
{
    static const struct {
        const char *name;
        unsigned arg;
    } opens[] = {{"open", 1}, {"openat", 2}};

    rules_add(rules, "truncate", EACCES, NULL, 0);
    rules_add(rules, "truncate64", EACCES, NULL, 0);
    rules_add(rules, "openat2", ENOSYS, NULL, 0); /* flags in memory: callers use openat then */
    for (size_t i = 0; i < COUNT(opens); i++) {
        struct scmp_arg_cmp arg = {opens[i].arg, SCMP_CMP_MASKED_EQ, O_TRUNC | O_ACCMODE,
                                   O_TRUNC | O_RDONLY};

        rules_add(rules, opens[i].name, EACCES, &arg, 1);
    }
}

/* What the filter is as a whole; 0, or an errno. */
static int rules_setup(struct seccomp_rules *rules)
{
    int rc = seccomp_attr_set(rules->filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));

    /* A binary tree: a call that no rule names is found to be so in seven steps. */
    if (rc == 0)
        rc = seccomp_attr_set(rules->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    /* Without this, kernels before 5.16 make every filtered process pay for a mitigation (SSBD)
     * that its neighbours do not need: each runner is a process of its own. */
    if (rc == 0)
        rc = seccomp_attr_set(rules->filter, SCMP_FLTATR_CTL_SSB, 1);
    if (rc == 0 && rules->preset == SANDBOX_OPEN && seccomp_arch_native() == SCMP_ARCH_X86_64)
        rc = seccomp_arch_add(rules->filter, SCMP_ARCH_X86);
    return -rc;
}

enum ct_code sandbox_seccomp(const struct sandbox_target *target, bool denies_truncate,
                             unsigned *count, struct ct_error *err)
{
    struct seccomp_rules rules = {.preset = target->sandbox->preset};

    rules.filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!rules.filter)
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: libseccomp gives no filter");
    rules.failed = rules_setup(&rules);
    rules.failed_at = "its settings";
    rules_add_fixed(&rules);
    if (target->supervisor > 0)
        rules_add_supervisor(&rules, target->supervisor);
    if (rules.preset == SANDBOX_PURE)
        rules_add(&rules, "socket", EACCES, NULL, 0);
    if (denies_truncate && rules.preset != SANDBOX_OPEN)
        rules_add_truncate(&rules);
    if (!rules.failed) {
        rules.failed = -seccomp_load(rules.filter);
        rules.failed_at = "loading it";
    }
    seccomp_release(rules.filter);
    if (rules.failed)
        return ct_error_set(err, CT_E_SYSTEM, "sandbox: the seccomp filter failed at %s: %s",
                            rules.failed_at, strerror(rules.failed));
    *count = rules.count;
    return CT_E_OK;
}
