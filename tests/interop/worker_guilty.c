/* A plugin whose jobs crash in ways that are to be told apart: the job's name says how. Compiled
 * and used by worker_guilt.test.mjs. Data is {"file": PATH}: a job makes PATH.ID when it runs, and
 * "hold" ends when PATH is there. */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cartrita/plugin.h"

static const struct cartrita_host *host;

/* Exported, so that a backtrace can name them. */
void resize_row(volatile int *row);
int recurse(volatile int *depth);

/* As stuck.so it never finishes loading; that it has begun tells stuck.so.now. */
__attribute__((constructor)) static void stick(void)
{
    char path[5000];
    Dl_info self;

    if (!dladdr(&host, &self) || !strstr(self.dli_fname, "stuck.so"))
        return;
    snprintf(path, sizeof path, "%s.now", self.dli_fname);
    fclose(fopen(path, "w"));
    for (;;)
        pause();
}

/* What the runtime of a language does: faults that it knows it repairs, others it passes on. */
static struct sigaction before_us;
static __thread sigjmp_buf way_back;
static __thread int is_known;

static void repair(int number, siginfo_t *info, void *context)
{
    if (is_known)
        siglongjmp(way_back, 1);
    before_us.sa_sigaction(number, info, context);
}

static void begin_runtime(void)
{
    struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaction(SIGSEGV, &action, &before_us);
}

static void fault_and_go_on(void)
{
    is_known = 1;
    if (sigsetjmp(way_back, 1) == 0)
        resize_row(NULL);
    is_known = 0;
}

static int32_t guilty_open(const struct cartrita_host *table, const char *config,
                           uint32_t concurrency, void **self, char *error, size_t error_size)
{
    host = table;
    if (strstr(config, "crash"))
        resize_row(NULL);
    if (strstr(config, "runtime"))
        begin_runtime();
    return 0;
}

static void file_of(const struct cartrita_job *job, char *path, size_t size)
{
    const char *at = strstr(host->job_data(job, NULL), "\"file\":\"");

    path[0] = '\0';
    if (at)
        snprintf(path, size, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
}

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

static void hold(struct cartrita_job *job)
{
    char path[4096];

    file_of(job, path, sizeof path);
    while (access(path, F_OK) != 0)
        usleep(2000);
}

__attribute__((noinline)) void resize_row(volatile int *row)
{
    *row = 1;
}

__attribute__((noinline)) int recurse(volatile int *depth)
{
    volatile char room[1024];

    if (*depth < 0)
        return 0; /* never: for the compiler */
    room[0] = (char)*depth;
    *depth = *depth + 1;
    return recurse(depth) + room[0];
}

static void segv(struct cartrita_job *job)
{
    host->phase(job, "decode");
    host->progress(job, "{\"done\":41}", 11);
    host->log(job, "opened cat.png", 14);
    host->log(job, "row 17", 6);
    resize_row(NULL);
}

static void *crash_apart(void *arg)
{
    resize_row(NULL);
    return NULL;
}

static void apart(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, crash_apart, NULL);
    pthread_join(thread, NULL);
}

static void *load(void *path)
{
    return dlopen(path, RTLD_NOW);
}

/* All that is open for writing and has a size: the recorder. */
static void damage(void)
{
    char bytes[4096];

    memset(bytes, 0xff, sizeof bytes);
    for (int fd = 3; fd < 64; fd++)
        for (int i = 0; i < 4; i++)
            (void)!pwrite(fd, bytes, sizeof bytes, i * (off_t)sizeof bytes);
    resize_row(NULL);
}

/* The loader's lock is taken for ever when this crashes. */
static void crash_while_loading(struct cartrita_job *job)
{
    char path[4096], begun[5000];
    pthread_t thread;

    file_of(job, path, sizeof path);
    snprintf(begun, sizeof begun, "%s.now", path);
    pthread_create(&thread, NULL, load, path);
    while (access(begun, F_OK) != 0)
        usleep(2000);
    resize_row(NULL);
}

/* The child crashes, and calls exit(): neither is an end of the runner. */
static int children_may(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        resize_row(NULL);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        return 0;
    child = fork();
    if (child == 0)
        exit(3);
    return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

static void call_nothing(void)
{
    void (*volatile nothing)(void) = NULL;

    nothing();
}

static void guilty_job(struct cartrita_job *job)
{
    const char *name = host->job_name(job);
    volatile int number = 0;

    show_running(job);
    if (strcmp(name, "segv") == 0)
        segv(job);
    else if (strcmp(name, "overflow") == 0)
        number = recurse(&number);
    else if (strcmp(name, "abort") == 0)
        abort();
    else if (strcmp(name, "divide") == 0)
        number = 7 / number;
    else if (strcmp(name, "nowhere") == 0)
        call_nothing();
    else if (strcmp(name, "exit") == 0)
        exit(3);
    else if (strcmp(name, "_exit") == 0)
        _exit(3);
    else if (strcmp(name, "loading") == 0)
        crash_while_loading(job);
    else if (strcmp(name, "apart") == 0)
        apart();
    else if (strcmp(name, "damage") == 0)
        damage();
    else if (strcmp(name, "hold") == 0)
        hold(job);
    else if (strcmp(name, "repaired") == 0)
        fault_and_go_on();
    else if (strcmp(name, "later") == 0) {
        hold(job);
        resize_row(NULL);
    } else if (strcmp(name, "fork") == 0 && !children_may())
        return;
    host->complete(job, NULL, 0);
}

static void guilty_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < job_count; i++)
        guilty_job(jobs[i]);
}

/* In the runner's own thread. */
static void guilty_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    if (strcmp(host->job_name(job), "hold") == 0 && strstr(host->job_data(job, NULL), "\"deaf\""))
        for (;;)
            pause();
    if (strstr(host->job_data(job, NULL), "\"fragile\""))
        resize_row(NULL);
}

#ifndef BATCH
#define BATCH 1
#endif

CARTRITA_PLUGIN(.name = "guilty", .version = "1.2", .batch_max = BATCH, .batch_wait_ms = 100,
                .open = guilty_open, .run = guilty_run, .cancel = guilty_cancel)
