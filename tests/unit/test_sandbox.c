/* worker/sandbox: the list of a pool, and what the sandbox denies once it is applied. Each test is
 * a process of its own: nothing lifts a sandbox. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/sandbox/parts.h"

static char folder[] = "/tmp/test_sandbox-XXXXXX"; /* not granted */
static char temp[sizeof folder + 8], given[sizeof folder + 8], shown[sizeof folder + 8];
static struct sandbox_report report;

static void setup(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(temp, sizeof temp, "%s/temp", folder);
    snprintf(given, sizeof given, "%s/given", folder);
    snprintf(shown, sizeof shown, "%s/shown", folder);
    ck_assert(mkdir(temp, 0700) == 0 && mkdir(given, 0700) == 0 && mkdir(shown, 0700) == 0);
}

/* --- the list ------------------------------------------------------------------------------------
 */

#define LIST(...)                                                                             \
    (struct ct_option_list)                                                                   \
    {                                                                                         \
        (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) \
    }

static void refused(struct ct_option_list list, const char *says)
{
    struct sandbox sandbox;
    struct ct_error err;

    ck_assert_int_ne(sandbox_parse(&list, &sandbox, &err), CT_E_OK);
    ck_assert_msg(strstr(err.detail, says) != NULL, "no '%s' in: %s", says, err.detail);
}

START_TEST(test_list)
{
    struct sandbox sandbox;
    struct ct_error err;
    struct ct_option_list none = {0}, all = LIST("files:/tmp", "pure", "read:/usr/share", "pure");

    ck_assert_int_eq(sandbox_parse(&none, &sandbox, &err), CT_E_OK);
    ck_assert_int_eq(sandbox.preset, SANDBOX_NETWORK);
    ck_assert_int_eq(sandbox_parse(&all, &sandbox, &err), CT_E_OK);
    ck_assert_int_eq(sandbox.preset, SANDBOX_PURE);
    ck_assert_uint_eq(sandbox.path_count, 2);
    ck_assert_str_eq(sandbox.paths[0].path, "/tmp");
    ck_assert(sandbox.paths[0].is_writable && !sandbox.paths[1].is_writable);
}
END_TEST

START_TEST(test_list_refused)
{
    const char *many[SANDBOX_PATHS_MAX + 1];

    refused(LIST("netwrok"), "did you mean network");
    refused(LIST("file:/tmp"), "did you mean files:/PATH");
    refused(LIST("/tmp"), "did you mean files:/PATH");
    refused(LIST(""), "there are pure, network, open");
    refused(LIST("pure", "network"), "exclude each other");
    refused(LIST("open", "pure"), "exclude each other");
    refused(LIST("open", "files:/tmp"), "did you mean network?");
    refused(LIST("files:tmp"), "begin with a slash");
    refused(LIST("files:"), "begin with a slash");
    refused(LIST("read:/nowhere/at/all"), "No such file");
    for (size_t i = 0; i <= SANDBOX_PATHS_MAX; i++)
        many[i] = "files:/tmp";
    refused((struct ct_option_list){many, SANDBOX_PATHS_MAX + 1}, "64 of files: and read:");
}
END_TEST

/* --- applied -------------------------------------------------------------------------------------
 */

static void support_here(struct sandbox_support *support)
{
    sandbox_probe(support);
}

/* files: given, read: shown. */
static void apply(const char *preset, const struct sandbox_support *support)
{
    char *files = ct_asprintf("files:%s", given), *read = ct_asprintf("read:%s", shown);
    struct ct_option_list list = LIST(preset, files, read);
    struct sandbox sandbox;
    struct sandbox_target target = {.sandbox = &sandbox, .temp_dir = temp, .supervisor = getppid()};
    struct ct_error err;

    if (strcmp(preset, "open") == 0)
        list.count = 1;
    ck_assert_msg(sandbox_parse(&list, &sandbox, &err) == CT_E_OK, "%s", err.detail);
    ck_assert_msg(sandbox_apply(&target, support, &report, &err) == CT_E_OK, "%s", err.detail);
    free(files);
    free(read);
}

/* errno of a call, 0 when it worked. */
#define ERRNO_OF(call) (errno = 0, (long)(call) < 0 ? errno : 0)
#define DENIED(call)                                                                  \
    do {                                                                              \
        int got = ERRNO_OF(call);                                                     \
        ck_assert_msg(got == EPERM || got == EACCES, "%s: errno %d (%s)", #call, got, \
                      strerror(got));                                                 \
    } while (0)
#define ALLOWED(call)                                                            \
    do {                                                                         \
        int got = ERRNO_OF(call);                                                \
        ck_assert_msg(got == 0, "%s: errno %d (%s)", #call, got, strerror(got)); \
    } while (0)

static int touch(const char *where, const char *name, int flags)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/%s", where, name);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

#define CREATE (O_WRONLY | O_CREAT)

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd;
}

static int signal_group(void)
{
    return kill(-getppid(), 0);
}

static int clone_with(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    return (int)pid;
}

/* What every preset denies. */
static void check_base(void)
{
    char byte = 0;
    struct rlimit limit = {16, 16};

    DENIED(kill(getppid(), 0));
    DENIED(kill(-1, 0));
    DENIED(signal_group());
    DENIED(syscall(SYS_tgkill, getppid(), getppid(), 0));
    DENIED(syscall(SYS_tkill, getppid(), 0));
    DENIED(syscall(SYS_pidfd_open, getppid(), 0));
    DENIED(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0));
    DENIED(syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, &limit, NULL));
    DENIED(setpriority(PRIO_PROCESS, (id_t)getppid(), 19));
    DENIED(setpriority(PRIO_USER, 0, 19));
    DENIED(fcntl(0, F_SETOWN, getppid()));
    DENIED(mount("none", folder, "tmpfs", 0, NULL));
    DENIED(umount(folder));
    DENIED(chroot(folder));
    DENIED(unshare(CLONE_NEWUSER));
    DENIED(unshare(CLONE_NEWNS));
    DENIED(clone_with(CLONE_NEWUSER | SIGCHLD));
    DENIED(clone_with(CLONE_PARENT));
    DENIED(syscall(SYS_setns, 0, 0));
    DENIED(syscall(SYS_bpf, 0, NULL, 0));
    DENIED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
    DENIED(syscall(SYS_userfaultfd, 0));
    DENIED(syscall(SYS_io_uring_setup, 1, NULL));
    DENIED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    DENIED(syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
    DENIED(process_vm_readv(getpid(), &(struct iovec){&byte, 1}, 1, &(struct iovec){"", 1}, 1, 0));
    DENIED(syscall(SYS_personality, 0x0040000));
    DENIED(sethostname("x", 1));
    DENIED(syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, &byte));
    DENIED(syscall(SYS_ioctl, 0, 0xffffffff00005412, &byte));
    if (!SANDBOX_ALLOWS_PTRACE)
        DENIED(syscall(SYS_ptrace, 0, 0, 0, 0));
    ck_assert_int_eq(ERRNO_OF(syscall(SYS_clone3, NULL, 0)), ENOSYS);
    ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    ck_assert(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max <= 1);
#if defined __x86_64__
    DENIED(syscall(0x40000000 + SYS_getpid)); /* x32 */
#endif
}

#if defined __x86_64__
/* getpid by the 32-bit door; errno, 0: it worked, -1: this kernel has no such door. */
static int errno_of_32_bit_call(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        long result;

        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(20L)
                         : "memory", "r8", "r9", "r10", "r11");
        _exit((int)result < 0 ? -(int)result : 0);
    }
    ck_assert(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#else
static int errno_of_32_bit_call(void)
{
    return -1;
}
#endif

static void check_own_processes(void)
{
    int status;
    pid_t child = fork(); /* as the guard of exec does: kills the group it leads */

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setpgid(0, 0);
        kill(0, SIGKILL);
        _exit(1);
    }
    ck_assert(waitpid(child, &status, 0) == child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        pause();
        _exit(1);
    }
    setpgid(child, child);
    ALLOWED(kill(-child, SIGKILL));
    ck_assert(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    ck_assert_int_eq(syscall(SYS_personality, 0xffffffff), 0);
}

static void check_writes(void)
{
    char link_name[sizeof folder + 16], made[sizeof folder + 16];

    ALLOWED(touch(temp, "a", CREATE));
    ALLOWED(touch(given, "a", CREATE));
    ALLOWED(touch(temp, "a", O_WRONLY | O_TRUNC));
    DENIED(touch(folder, "a", CREATE));
    DENIED(touch(shown, "a", CREATE));
    DENIED(touch("/dev/shm", "test_sandbox", CREATE));
    DENIED(touch("/proc/self", "oom_score_adj", O_WRONLY));
    DENIED(rmdir(shown));
    snprintf(made, sizeof made, "%s/a", given);
    snprintf(link_name, sizeof link_name, "%s/a", shown);
    DENIED(symlink("/etc", link_name));
    ck_assert_int_ne(ERRNO_OF(link(made, link_name)), 0);
    ck_assert_int_ne(ERRNO_OF(rename(made, link_name)), 0);
    snprintf(made, sizeof made, "%s/device", temp);
    DENIED(mknod(made, S_IFBLK | 0600, 0));
    ALLOWED(open_and_close("/dev/null", O_RDWR));
}

static int socket_and_close(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd;
}

static void make_files(void)
{
    ALLOWED(touch(shown, "file", CREATE));
    ALLOWED(touch(folder, "file", CREATE));
}

static struct sockaddr_un hidden = {.sun_family = AF_UNIX};

/* What Landlock's scopes keep away: a process and an abstract socket from before. */
static pid_t make_others(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int alive[2];
    pid_t other;

    ck_assert_int_eq(pipe(alive), 0);
    other = fork();
    if (other == 0) { /* until the test has ended; no signal of it comes through */
        char byte;

        close(alive[1]);
        _exit((int)read(alive[0], &byte, 1));
    }
    close(alive[0]);
    snprintf(hidden.sun_path + 1, sizeof hidden.sun_path - 1, "test_sandbox-%d", (int)getpid());
    ALLOWED(bind(listener, (struct sockaddr *)&hidden, sizeof hidden));
    ALLOWED(listen(listener, 1));
    return other;
}

static void check_scopes(const struct sandbox_support *support, pid_t other, bool has_sockets)
{
    int fd = has_sockets ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (support->landlock < SANDBOX_LANDLOCK_SCOPE)
        return;
    DENIED(kill(other, 0));
    if (fd >= 0)
        DENIED(connect(fd, (struct sockaddr *)&hidden, sizeof hidden));
}

START_TEST(test_network)
{
    struct sandbox_support support;
    pid_t other;

    support_here(&support);
    if (!support.has_seccomp || support.landlock == 0)
        return; /* --check-sandbox says so */
    make_files();
    other = make_others();
    apply("network", &support);
    check_scopes(&support, other, true);
    check_base();
    check_own_processes();
    check_writes();
    ck_assert_int_ne(errno_of_32_bit_call(), 0);
    ALLOWED(open_and_close("/etc", O_RDONLY));
    ALLOWED(touch(folder, "file", O_RDONLY));
    ALLOWED(socket_and_close(AF_INET, SOCK_STREAM));
    ALLOWED(socket_and_close(AF_UNIX, SOCK_DGRAM));
    ck_assert_uint_eq(report.count, SANDBOX_ALLOWS_PTRACE ? 7 : 6);
}
END_TEST

START_TEST(test_pure)
{
    struct sandbox_support support;
    int pair[2];

    support_here(&support);
    if (!support.has_seccomp || support.landlock == 0)
        return;
    make_files();
    apply("pure", &support);
    check_base();
    check_own_processes();
    check_writes();
    ALLOWED(touch(shown, "file", O_RDONLY));
    DENIED(touch(folder, "file", O_RDONLY));
    DENIED(open_and_close("/etc/shadow", O_RDONLY));
    DENIED(open_and_close("/etc", O_RDONLY));
    DENIED(open_and_close("/proc", O_RDONLY));
    DENIED(open_and_close("/proc/1/cmdline", O_RDONLY));
    DENIED(open_and_close("/root", O_RDONLY));
    ALLOWED(open_and_close("/etc/passwd", O_RDONLY));
    ALLOWED(open_and_close("/proc/self/maps", O_RDONLY));
    ALLOWED(open_and_close("/usr/share", O_RDONLY));
    DENIED(socket_and_close(AF_INET, SOCK_STREAM));
    DENIED(socket_and_close(AF_INET6, SOCK_DGRAM));
    DENIED(socket_and_close(AF_UNIX, SOCK_STREAM));
    DENIED(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    ALLOWED(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    ALLOWED(send(pair[0], "x", 1, 0));
    DENIED(connect(pair[0], (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "/x"}, 8));
    DENIED(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "/x"}, 8));
    DENIED(syscall(SYS_shmget, 0, 4096, 01600));
    ck_assert_int_eq(system("/bin/true"), 0);
}
END_TEST

START_TEST(test_open)
{
    struct sandbox_support support;
    pid_t other;

    support_here(&support);
    if (!support.has_seccomp)
        return;
    other = make_others();
    apply("open", &support);
    check_scopes(&support, other, false);
    check_base();
    check_own_processes();
    ALLOWED(touch(folder, "a", CREATE));
    ck_assert_int_le(errno_of_32_bit_call(), 0);
    ALLOWED(socket_and_close(AF_INET, SOCK_STREAM));
}
END_TEST

/* --- older kernels -------------------------------------------------------------------------------
 */

START_TEST(test_without_truncate_in_landlock)
{
    struct sandbox_support support;
    char path[sizeof folder + 8];

    support_here(&support);
    if (!support.has_seccomp || support.landlock == 0)
        return;
    make_files();
    support.landlock = support.landlock > 2 ? 2 : support.landlock;
    apply("network", &support);
    snprintf(path, sizeof path, "%s/file", folder);
    DENIED(truncate(path, 0));
    DENIED(touch(folder, "file", O_RDONLY | O_TRUNC));
    ALLOWED(touch(folder, "file", O_RDONLY));
    ALLOWED(touch(temp, "a", CREATE | O_TRUNC));
    ck_assert_int_eq(ERRNO_OF(syscall(SYS_openat2, 0, "", NULL, 0)), ENOSYS);
    DENIED(kill(getppid(), 0));                                     /* seccomp alone */
    DENIED(syscall(SYS_kill, (long)0xdead00000000 | getppid(), 0)); /* the kernel looks at an int */
    ck_assert(!report.lines[3].is_in_force && strstr(report.lines[3].text, "signals"));
}
END_TEST

START_TEST(test_every_abi_is_accepted)
{
    struct sandbox_support support;

    support_here(&support);
    if (_i > support.landlock)
        return;
    support.landlock = _i;
    apply(_i % 2 ? "pure" : "network", &support);
    ck_assert_int_eq(report.lines[2].is_in_force, _i > 0);
}
END_TEST

/* A kernel without both, as a container's own filter can make it: said, and no error. */
START_TEST(test_nothing_there)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    struct sandbox_support support;
    char text[200];

    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0), 0);
    ck_assert_int_eq(
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(landlock_create_ruleset), 0),
        0);
    ck_assert_int_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    support_here(&support);
    ck_assert(!support.has_seccomp);
    ck_assert_int_eq(support.landlock, 0);
    ck_assert(sandbox_lacks(&support, text, sizeof text));
    ck_assert_msg(strstr(text, "Landlock") && strstr(text, "seccomp"), "%s", text);
    apply("network", &support);
    ALLOWED(touch(folder, "a", CREATE));
    for (size_t i = 2; i < report.count; i++)
        ck_assert(!report.lines[i].is_in_force);
}
END_TEST

START_TEST(test_lacks)
{
    char text[200];
    struct sandbox_support all = {true, SANDBOX_LANDLOCK_SCOPE}, some = {true, 2};

    ck_assert(!sandbox_lacks(&all, text, sizeof text));
    ck_assert(sandbox_lacks(&some, text, sizeof text));
    ck_assert(strstr(text, "signal") && text[strlen(text) - 1] != ' ');
}
END_TEST

START_TEST(test_closes_beyond)
{
    int fd = fcntl(1, F_DUPFD, 300);

    ck_assert_int_ge(fd, 300);
    sandbox_close_beyond(299);
    ck_assert_int_eq(ERRNO_OF(fcntl(fd, F_GETFD)), EBADF);
    ALLOWED(fcntl(1, F_GETFD));
}
END_TEST

static void teardown(void)
{
    char *command = ct_asprintf("rm -rf %s", folder);

    ck_assert_int_eq(system(command), 0);
    free(command);
}

static void add_tests(TCase *tcase)
{
    tcase_add_unchecked_fixture(tcase, setup, teardown); /* not in the process of a test */
    tcase_add_test(tcase, test_list);
    tcase_add_test(tcase, test_list_refused);
    tcase_add_test(tcase, test_network);
    tcase_add_test(tcase, test_pure);
    tcase_add_test(tcase, test_open);
    tcase_add_test(tcase, test_without_truncate_in_landlock);
    tcase_add_loop_test(tcase, test_every_abi_is_accepted, 0, 8);
    tcase_add_test(tcase, test_nothing_there);
    tcase_add_test(tcase, test_lacks);
    tcase_add_test(tcase, test_closes_beyond);
}

int main(void)
{
    return unit_run("sandbox", add_tests);
}
