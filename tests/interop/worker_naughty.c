/* A plugin that misbehaves on demand: the job's name says how. Compiled and used by
 * worker_*.test.mjs. Data is {"file": PATH} where a job waits for a file to appear. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cartrita/plugin.h"

#define LEAK_BYTES ((size_t)160 << 20)

static const struct cartrita_host *host;

static int32_t naughty_open(const struct cartrita_host *table, const char *config,
                            uint32_t concurrency, void **self, char *error, size_t error_size)
{
    host = table;
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
    *(int *)CMSG_DATA(header) = 2;
    for (int i = 0; i < 1000; i++)
        sendmsg(3, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void naughty_job(struct cartrita_job *job)
{
    const char *name = host->job_name(job);

    show_running(job);
    if (strcmp(name, "segv") == 0) {
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
    } else if (strcmp(name, "sendfd") == 0) {
        send_descriptors();
        hold(job, 1);
    } else if (strcmp(name, "noend") == 0) {
        return;
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
