/* A plugin that misbehaves on demand: the job's name says how. Compiled and used by
 * worker_*.test.mjs. Data is {"file": PATH} where a job waits for a file to appear. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cartrita/plugin.h"

#define LEAK_BYTES ((size_t)160 << 20)
#define STRAYS     5
#define BOMB_MAX   2000

static const struct cartrita_host *host;
static int death_signal; /* of the main thread, when its parent dies */

static int32_t naughty_open(const struct cartrita_host *table, const char *config,
                            uint32_t concurrency, void **self, char *error, size_t error_size)
{
    host = table;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (strstr(config, "refuse")) {
        snprintf(error, error_size, "asked to refuse");
        return -1;
    }
    return 0;
}

/* The PATH of {"file":"PATH"}. */
static void file_of(const struct cartrita_job *job, char *path, size_t size)
{
    const char *at = strstr(host->job_data(job, NULL), "\"file\":\"");

    path[0] = '\0';
    if (at)
        snprintf(path, size, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
}

/* Makes PATH.ID: the job really runs now. */
static void show_running(const struct cartrita_job *job)
{
    char path[4096], shown[5000];
    FILE *file;

    file_of(job, path, sizeof path);
    if (!path[0])
        return;
    snprintf(shown, sizeof shown, "%s.%s", path, host->job_id(job));
    file = fopen(shown, "w");
    if (file)
        fclose(file);
}

static void hold(struct cartrita_job *job, int hears)
{
    char path[4096];

    file_of(job, path, sizeof path);
    while (access(path, F_OK) != 0 && !(hears && host->is_cancelled(job)))
        usleep(2000);
}

static void crash(void)
{
    volatile int *nowhere = NULL;

    *nowhere = 1;
}

/* To the supervisor, over the control socket: it must not collect them. */
static void send_descriptors(void)
{
    char byte = '\n';
    struct iovec bytes = {&byte, 1};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *(int *)CMSG_DATA(header) = open("/dev/zero", O_RDONLY);
    for (int i = 0; i < 1000; i++)
        sendmsg(3, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A process that has left its parent and its session, and ends only when it is killed. Its number
 * is in the file when this returns. */
static void stray(const char *path, const char *program)
{
    pid_t pid = fork();
    FILE *file;

    if (pid > 0) {
        waitpid(pid, NULL, 0);
        return;
    }
    setsid();
    pid = fork();
    if (pid == 0 && program)
        execlp(program, program, "1000000", NULL);
    if (pid == 0)
        for (;;)
            pause();
    file = fopen(path, "a");
    if (file) {
        fprintf(file, "%d\n", (int)pid);
        fclose(file);
    }
    _exit(0);
}

/* Every process of it goes on forking and leaves its session; it ends at BOMB_MAX, lest a test that
 * fails takes the machine along. */
static void bomb(void)
{
    volatile int *count =
        mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    for (;;) {
        if (__atomic_add_fetch(count, 1, __ATOMIC_RELAXED) > BOMB_MAX)
            pause();
        else if (fork() == 0)
            setsid();
    }
}

/* Shares LEAK_BYTES with a child for longer than the time between two looks; then makes
 * PATH.forked. */
static void leak_and_fork(struct cartrita_job *job)
{
    char path[4096], shown[5000];
    char *memory = malloc(LEAK_BYTES);
    FILE *file;
    pid_t pid;

    memset(memory, 1, LEAK_BYTES);
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    usleep(1000000);
    file_of(job, path, sizeof path);
    snprintf(shown, sizeof shown, "%s.forked", path);
    file = fopen(shown, "w");
    if (file)
        fclose(file);
    hold(job, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    free(memory);
}

/* Ends `job` with what it is and has: user, groups, environment, whether it can become root. */
static void whoami(struct cartrita_job *job)
{
    static const char *const names[] = {"HOME",          "USER",         "LOGNAME",
                                        "TMPDIR",        "REDIS_URL",    "CARTRITA_REDIS_URL",
                                        "NOTIFY_SOCKET", "WATCHDOG_USEC"};
    char text[4096];
    int len = snprintf(
        text, sizeof text, "{\"uid\":%d,\"gid\":%d,\"groups\":%d,\"regained\":%d,\"death\":%d",
        (int)getuid(), (int)getgid(), getgroups(0, NULL), setuid(0) == 0, death_signal);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i]))
            len += snprintf(text + len, sizeof text - (size_t)len, ",\"%s\":\"%s\"", names[i],
                            getenv(names[i]));
    len += snprintf(text + len, sizeof text - (size_t)len, "}");
    host->complete(job, text, (size_t)len);
}

/* Uses the processor until it is told to stop. */
static void spin(struct cartrita_job *job)
{
    while (!host->is_cancelled(job))
        ;
}

static void spin_in_child(struct cartrita_job *job)
{
    pid_t pid = fork();

    if (pid == 0)
        for (volatile unsigned i = 0;; i++)
            ;
    hold(job, 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* 4 KiB in lines of 64 bytes. */
static void chatter(struct cartrita_job *job)
{
    char line[64];

    memset(line, 'x', sizeof line);
    for (int i = 0; i < 64; i++)
        host->log(job, line, sizeof line);
}

static void complete_with(struct cartrita_job *job, const char *what, long number)
{
    char json[128];

    snprintf(json, sizeof json, "{\"%s\":%ld}", what, number);
    host->complete(job, json, strlen(json));
}

static void big_result(struct cartrita_job *job)
{
    static char json[3000];

    memset(json, ' ', sizeof json);
    json[0] = '1';
    host->complete(job, json, sizeof json);
}

/* Opens files until that fails. */
static void hog_files(struct cartrita_job *job)
{
    static int fds[10000];
    long count = 0;
    int error;

    while (count < 10000 && (fds[count] = dup(0)) >= 0)
        count++;
    error = errno;
    for (long i = 0; i < count; i++)
        close(fds[i]);
    complete_with(job, error == EMFILE ? "emfile" : "other", count);
}

/* Writes 4 MiB or until that fails. */
static void fill_disk(struct cartrita_job *job)
{
    static char block[65536];
    char path[4096], big[5000];
    int fd, i;

    file_of(job, path, sizeof path);
    snprintf(big, sizeof big, "%s.big", path);
    fd = open(big, O_CREAT | O_WRONLY, 0600);
    for (i = 0; i < 64 && write(fd, block, sizeof block) > 0; i++)
        ;
    complete_with(job, i < 64 && errno == EFBIG ? "efbig" : "other", i * (long)sizeof block);
    close(fd);
}

/* 32 MiB, on both, and as lines of the process log. */
static void flood(void)
{
    static char line[1024];

    memset(line, 'f', sizeof line - 1);
    for (int i = 0; i < 1000; i++)
        host->log_process(CARTRITA_LOG_INFO, line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 16384; i++)
        if (write(1, line, sizeof line) < 0 || write(2, line, sizeof line) < 0)
            return;
}

/* 8 MiB in files of a folder in its temporary directory, then holds. */
static void fill_temp(struct cartrita_job *job)
{
    static char block[1 << 20];
    char path[4096];

    memset(block, 1, sizeof block);
    snprintf(path, sizeof path, "%s/deep", getenv("TMPDIR"));
    mkdir(path, 0700);
    for (int i = 0; i < 8; i++) {
        int fd;

        snprintf(path, sizeof path, "%s/deep/%d", getenv("TMPDIR"), i);
        fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (write(fd, block, sizeof block) < 0)
            return;
        close(fd);
    }
    hold(job, 1);
}

static void naughty_job(struct cartrita_job *job)
{
    const char *name = host->job_name(job);

    show_running(job);
    if (strcmp(name, "leakfork") == 0) {
        leak_and_fork(job);
    } else if (strcmp(name, "segv") == 0) {
        crash();
    } else if (strcmp(name, "exit3") == 0) {
        _exit(3);
    } else if (strcmp(name, "hold") == 0) {
        hold(job, 1);
    } else if (strcmp(name, "deaf") == 0 || strcmp(name, "blockloop") == 0) {
        for (;;)
            pause();
    } else if (strcmp(name, "leak") == 0) {
        char *memory = malloc(LEAK_BYTES);

        if (memory)
            memset(memory, 1, LEAK_BYTES);
        hold(job, 1);
        free(memory);
    } else if (strcmp(name, "litter") == 0) {
        (void)!system(
            "cd \"$TMPDIR\" && mkdir -p a/b && touch a/b/f -- -rf && ln -s / link && chmod 0 a");
        hold(job, 1);
    } else if (strcmp(name, "whoami") == 0) {
        whoami(job);
        return;
    } else if (strcmp(name, "sendfd") == 0) {
        send_descriptors();
        hold(job, 1);
    } else if (strcmp(name, "strays") == 0 || strcmp(name, "straysegv") == 0 ||
               strcmp(name, "strayprogram") == 0) {
        char path[4096], list[5000];

        file_of(job, path, sizeof path);
        snprintf(list, sizeof list, "%s.pids", path);
        for (int i = 0; i < STRAYS; i++)
            stray(list, strcmp(name, "strayprogram") == 0 ? "sleep" : NULL);
        if (strcmp(name, "straysegv") == 0)
            crash();
        hold(job, 1);
    } else if (strcmp(name, "filltemp") == 0) {
        fill_temp(job);
    } else if (strcmp(name, "print") == 0) {
        printf("on stdout \033[31m\n");
        fflush(stdout);
        fprintf(stderr, "on stderr\n");
    } else if (strcmp(name, "complain") == 0) {
        fprintf(stderr, "first this\nheap: corrupt chunk\n");
        _exit(134);
    } else if (strcmp(name, "flood") == 0) {
        flood();
    } else if (strcmp(name, "spin") == 0) {
        spin(job);
    } else if (strcmp(name, "spinchild") == 0) {
        spin_in_child(job);
    } else if (strcmp(name, "chatter") == 0) {
        chatter(job);
    } else if (strcmp(name, "bigresult") == 0) {
        big_result(job);
        return;
    } else if (strcmp(name, "fdhog") == 0) {
        hog_files(job);
        return;
    } else if (strcmp(name, "disk") == 0) {
        fill_disk(job);
        return;
    } else if (strcmp(name, "bomb") == 0) {
        bomb();
    } else if (strcmp(name, "noend") == 0) {
        return;
    } else if (strcmp(name, "prints") == 0) {
        puts("printed by the plugin");
        fflush(stdout);
    } else if (strcmp(name, "spawn") == 0) {
        host->enqueue(job, host->job_queue(job), "ok", "{\"from\":\"spawn\"}", NULL, NULL, NULL);
    }
    host->complete(job, "\"done\"", 6);
}

static void naughty_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < job_count; i++)
        naughty_job(jobs[i]);
}

/* Against the contract: it must not block. */
static void naughty_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    if (strcmp(host->job_name(job), "blockloop") == 0)
        for (;;)
            pause();
}

CARTRITA_PLUGIN(.name = "naughty", .version = "1.2", .open = naughty_open, .run = naughty_run,
                .cancel = naughty_cancel)
