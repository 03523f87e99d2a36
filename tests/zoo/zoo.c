/* A zoo of bad jobs: the job's name says which animal. Compiled for zoo.test.mjs, which says what
 * must become of each. {"gate":PATH} in a job's data: the job waits until that file exists. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cartrita/plugin.h"

#define FORKS_MAX 3000

static const struct cartrita_host *host;
static jmp_buf main_thread;

static int32_t zoo_open(const struct cartrita_host *table, const char *config, uint32_t concurrency,
                        void **self, char *error, size_t error_size)
{
    host = table;
    if (setjmp(main_thread) != 0)
        host->log_process(CARTRITA_LOG_WARN, "jumped into another thread's past");
    return 0;
}

static void done(struct cartrita_job *job, const char *json)
{
    host->complete(job, json, strlen(json));
}

/* As what an errno was answered, a job completes: {"errno":"EPERM"}. */
static void tell_errno(struct cartrita_job *job, int number)
{
    char json[128];

    snprintf(json, sizeof json, "{\"errno\":\"%s\"}", number ? strerrorname_np(number) : "none");
    done(job, json);
}

/* --- time ----------------------------------------------------------------------------------------
 */

static void loop(struct cartrita_job *job)
{
    for (volatile unsigned long i = 0;; i++)
        ;
}

/* Neither is_cancelled nor a signal is heard. */
static void block_signals(struct cartrita_job *job)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    loop(job);
}

static void never_answers(struct cartrita_job *job)
{
}

/* --- memory --------------------------------------------------------------------------------------
 */

static void leak(struct cartrita_job *job)
{
    for (;;) {
        char *memory = malloc(1 << 20);

        if (memory)
            memset(memory, 1, 1 << 20);
        usleep(500);
    }
}

static int overflow_more(volatile char *above)
{
    volatile char here[4096];

    here[0] = above[0];
    return overflow_more(here) + here[1];
}

static void stack_overflow(struct cartrita_job *job)
{
    volatile char bottom[16] = "";

    overflow_more(bottom);
}

static void heap_corruption(struct cartrita_job *job)
{
    char *memory = malloc(64);

    free(memory + 8);
    usleep(1000);
}

/* Not static: so its name is known to the loader. */
void null_pointer(struct cartrita_job *job);
void null_pointer(struct cartrita_job *job)
{
    volatile int *nowhere = NULL;

    host->phase(job, "decode");
    host->log(job, "about to look at nothing", 24);
    *nowhere = 1;
}

/* --- ends of all kinds ---------------------------------------------------------------------------
 */

static void answers_twice(struct cartrita_job *job)
{
    done(job, "\"first\"");
    done(job, "\"second\"");
}

static void completes_then_fails(struct cartrita_job *job)
{
    struct cartrita_failure failure = CARTRITA_FAILURE;

    failure.reason = "second thoughts";
    done(job, "\"first\"");
    host->fail(job, &failure);
}

static void exits(struct cartrita_job *job)
{
    exit(0);
}

static void exits_at_once(struct cartrita_job *job)
{
    _exit(0);
}

static void aborts(struct cartrita_job *job)
{
    abort();
}

static void jumps(struct cartrita_job *job)
{
    longjmp(main_thread, 1);
}

struct outliver {
    struct cartrita_job *job;
    pthread_t thread;
};

static void *outlive(void *arg)
{
    struct outliver *outliver = arg;

    usleep(100000);
    for (int i = 0; i < 100; i++) {
        host->log(outliver->job, "still here", 10);
        host->progress(outliver->job, "1", 1);
        done(outliver->job, "\"late\"");
    }
    free(outliver);
    return NULL;
}

static void thread_outlives(struct cartrita_job *job)
{
    struct outliver *outliver = malloc(sizeof *outliver);

    outliver->job = job;
    pthread_create(&outliver->thread, NULL, outlive, outliver);
    pthread_detach(outliver->thread);
    done(job, "\"early\"");
}

/* --- what is not its own -------------------------------------------------------------------------
 */

static void closes_all(struct cartrita_job *job)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    done(job, "\"closed\"");
}

static void kills_parent(struct cartrita_job *job)
{
    int number = kill(getppid(), SIGKILL) == 0 ? 0 : errno;

    tell_errno(job, number);
}

/* Signal 0 only asks whether it may: the question is enough. */
static void signals_everybody(struct cartrita_job *job)
{
    int number = kill(-1, 0) == 0 ? 0 : errno;

    tell_errno(job, number);
}

/* Each in a session of its own, so that no group and no parent finds them. It ends by itself at
 * FORKS_MAX, for the sake of the machine on which the test fails. */
static void fork_bomb(struct cartrita_job *job)
{
    atomic_int *forks =
        mmap(NULL, sizeof *forks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    while (atomic_fetch_add(forks, 1) < FORKS_MAX) {
        pid_t child = fork();

        if (child == 0)
            setsid();
        if (child < 0)
            usleep(10000);
    }
    for (;;)
        pause();
}

/* One child that has left its group and its parent, and sleeps. */
static void leaves_child(struct cartrita_job *job)
{
    pid_t child = fork();

    if (child == 0) {
        setsid();
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    done(job, "\"left\"");
}

static void fd_hog(struct cartrita_job *job)
{
    int fds[65536], count = 0, number;

    while (count < 65536 && (fds[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    number = errno;
    while (count > 0)
        close(fds[--count]);
    tell_errno(job, number);
}

static void disk_filler(struct cartrita_job *job)
{
    static char block[1 << 20];

    for (int i = 0;; i++) {
        char path[4096];
        int fd;

        snprintf(path, sizeof path, "%s/fill.%d", host->job_temp_dir(job), i);
        fd = open(path, O_CREAT | O_WRONLY, 0600);
        if (fd < 0 || write(fd, block, sizeof block) < 0)
            usleep(1000);
        if (fd >= 0)
            close(fd);
    }
}

static void writes_elsewhere(struct cartrita_job *job)
{
    int fd = open("/var/tmp/cartrita-zoo", O_CREAT | O_WRONLY, 0600);

    tell_errno(job, fd < 0 ? errno : 0);
    if (fd >= 0)
        close(fd);
}

static void output_flood(struct cartrita_job *job)
{
    for (int i = 0; i < 200000; i++)
        fprintf(stderr, "flood %d \033[31m %0100d\n", i, i);
    done(job, "\"flooded\"");
}

static void log_flood(struct cartrita_job *job)
{
    char line[1024];

    memset(line, 'x', sizeof line);
    for (int i = 0; i < 40000; i++)
        host->log(job, line, sizeof line);
    done(job, "\"flooded\"");
}

static void huge_result(struct cartrita_job *job)
{
    size_t len = 64u << 20;
    char *json = malloc(len);

    memset(json, 'x', len);
    json[0] = json[len - 1] = '"';
    host->complete(job, json, len);
    free(json);
}

/* --- good ones -----------------------------------------------------------------------------------
 */

static void hold(struct cartrita_job *job)
{
    const char *at = strstr(host->job_data(job, NULL), "\"gate\":\"");
    char path[4096] = "";

    if (at)
        snprintf(path, sizeof path, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
    host->progress(job, "1", 1);
    while (access(path, F_OK) != 0 && !host->is_cancelled(job))
        usleep(2000);
    done(job, "\"held\"");
}

static void good(struct cartrita_job *job)
{
    done(job, "\"good\"");
}

static const struct {
    const char *name;
    void (*run)(struct cartrita_job *job);
} animals[] = {
    {"loop", loop},
    {"block signals", block_signals},
    {"never answers", never_answers},
    {"leak", leak},
    {"stack overflow", stack_overflow},
    {"heap corruption", heap_corruption},
    {"null pointer", null_pointer},
    {"answers twice", answers_twice},
    {"completes then fails", completes_then_fails},
    {"exits", exits},
    {"exits at once", exits_at_once},
    {"aborts", aborts},
    {"jumps", jumps},
    {"thread outlives", thread_outlives},
    {"closes all", closes_all},
    {"kills parent", kills_parent},
    {"signals everybody", signals_everybody},
    {"fork bomb", fork_bomb},
    {"leaves child", leaves_child},
    {"fd hog", fd_hog},
    {"disk filler", disk_filler},
    {"writes elsewhere", writes_elsewhere},
    {"output flood", output_flood},
    {"log flood", log_flood},
    {"huge result", huge_result},
    {"hold", hold},
    {"good", good},
};

static void zoo_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    for (size_t i = 0; i < sizeof animals / sizeof animals[0]; i++)
        if (strcmp(host->job_name(jobs[0]), animals[i].name) == 0)
            animals[i].run(jobs[0]);
}

CARTRITA_PLUGIN(.name = "zoo", .version = "1.0", .open = zoo_open, .run = zoo_run)
