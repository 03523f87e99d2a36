/* A plugin that runs against the walls of its sandbox: a job's name is what to try, its data
 * {"path": PATH} ("TMPDIR/FILE": in the runner's temporary directory) or {"number": N}. It
 * completes when that works, and fails with the error's text when not. Used by
 * worker_sandbox.test.mjs. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cartrita/plugin.h"

static const struct cartrita_host *host;
static int constructor_errno = -1;

struct attempt {
    char path[1024];
    long number;
};

/* Before the runtime has even seen which plugin this is. */
__attribute__((constructor)) static void wall_construct(void)
{
    int fd = open("/dev/shm/wall-constructor", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    constructor_errno = fd >= 0 ? 0 : errno;
    if (fd >= 0) {
        close(fd);
        unlink("/dev/shm/wall-constructor");
    }
}

static int closed(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd;
}

static int wall_write(const struct attempt *attempt)
{
    return closed(open(attempt->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int wall_read(const struct attempt *attempt)
{
    return closed(open(attempt->path, O_RDONLY | O_CLOEXEC));
}

static int wall_list(const struct attempt *attempt)
{
    DIR *dir = opendir(attempt->path);

    return dir ? closedir(dir) : -1;
}

static int wall_remove(const struct attempt *attempt)
{
    return unlink(attempt->path);
}

static int wall_truncate(const struct attempt *attempt)
{
    return truncate(attempt->path, 0);
}

static int wall_execute(const struct attempt *attempt)
{
    char command[1100];
    int status;

    snprintf(command, sizeof command, "'%s' 2>/dev/null", attempt->path);
    status = system(command);
    if (status == 0)
        return 0;
    errno = EACCES; /* what a shell says with status 126 */
    return status == 126 << 8 ? -1 : 0;
}

static int wall_connect(const struct attempt *attempt)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)attempt->number)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = connect(fd, (struct sockaddr *)&to, sizeof to);
    close(fd);
    return rc;
}

static int wall_kill(const struct attempt *attempt)
{
    return kill((pid_t)attempt->number, 0);
}

static int wall_renice(const struct attempt *attempt)
{
    return setpriority(PRIO_PROCESS, (id_t)attempt->number, 19);
}

static int wall_limit(const struct attempt *attempt)
{
    struct rlimit limit = {16, 16};

    return (int)syscall(SYS_prlimit64, attempt->number, RLIMIT_NOFILE, &limit, NULL);
}

static int wall_mount(const struct attempt *attempt)
{
    (void)attempt;
    return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int wall_unshare(const struct attempt *attempt)
{
    (void)attempt;
    return unshare(CLONE_NEWUSER);
}

static int wall_keyctl(const struct attempt *attempt)
{
    (void)attempt;
    return (int)syscall(SYS_keyctl, 0, -3, 1, 0, 0);
}

static int wall_ptrace(const struct attempt *attempt)
{
    return (int)ptrace(PTRACE_SEIZE, (pid_t)attempt->number, NULL, NULL);
}

/* Is that file open here? */
static int wall_descriptor(const struct attempt *attempt)
{
    char name[64], path[sizeof attempt->path];

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t len;

        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        len = readlink(name, path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        if (strcmp(path, attempt->path) == 0)
            return 0;
    }
    errno = EBADF;
    return -1;
}

static int wall_constructor(const struct attempt *attempt)
{
    (void)attempt;
    errno = constructor_errno;
    return constructor_errno ? -1 : 0;
}

static const struct {
    const char *name;
    int (*attempt)(const struct attempt *attempt);
} walls[] = {
    {"write", wall_write},
    {"read", wall_read},
    {"list", wall_list},
    {"remove", wall_remove},
    {"truncate", wall_truncate},
    {"execute", wall_execute},
    {"connect", wall_connect},
    {"kill", wall_kill},
    {"renice", wall_renice},
    {"limit", wall_limit},
    {"mount", wall_mount},
    {"unshare", wall_unshare},
    {"keyctl", wall_keyctl},
    {"ptrace", wall_ptrace},
    {"descriptor", wall_descriptor},
    {"constructor", wall_constructor},
};

/* Of a flat object without escapes. */
static void wall_read_data(const char *data, struct attempt *out)
{
    const char *path = strstr(data, "\"path\":\""), *number = strstr(data, "\"number\":");

    memset(out, 0, sizeof *out);
    if (path && strncmp(path + 8, "TMPDIR/", 7) == 0)
        snprintf(out->path, sizeof out->path, "%s/%.*s", getenv("TMPDIR"),
                 (int)strcspn(path + 15, "\""), path + 15);
    else if (path)
        snprintf(out->path, sizeof out->path, "%.*s", (int)strcspn(path + 8, "\""), path + 8);
    if (number)
        out->number = atol(number + 9);
}

static void wall_try(struct cartrita_job *job)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;
    struct attempt attempt;
    int rc = -1;

    wall_read_data(host->job_data(job, NULL), &attempt);
    errno = ENOSYS;
    for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++)
        if (strcmp(host->job_name(job), walls[i].name) == 0)
            rc = walls[i].attempt(&attempt);
    if (rc < 0) {
        failure.reason = strerror(errno);
        host->fail(job, &failure);
    } else {
        host->complete(job, NULL, 0);
    }
}

static int32_t wall_open(const struct cartrita_host *table, const char *config,
                         uint32_t concurrency, void **self, char *error, size_t error_size)
{
    (void)config, (void)concurrency, (void)self, (void)error, (void)error_size;
    host = table;
    return 0;
}

static void wall_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    (void)self;
    for (size_t i = 0; i < job_count; i++)
        wall_try(jobs[i]);
}

CARTRITA_PLUGIN(.name = "wall", .version = "1.0", .open = wall_open, .run = wall_run)
