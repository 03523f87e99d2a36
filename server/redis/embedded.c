/* A private redis-server. See embedded.h. Called by the daemon; the blocking calls are those of the
 * start, before the loop runs.
 *
 * The child is a fork and exec of our own program, which asks the kernel to be killed with the
 * daemon and then becomes redis-server. It inherits the lock of the folder: when the daemon is
 * killed, the next one waits until the old server is really gone.
 *
 * Failure paths: no redis-server, folder not usable, folder in use (told at start); the server
 * ends (logged with the last line of its own log, started again with backoff). */
#include "redis/embedded.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

#define EMBEDDED_PROGRAM  "redis-server"
#define EMBEDDED_LOG_TAIL 512 /* bytes of its log that we look at */
#define EMBEDDED_LOCK_FD  3   /* in the child */

struct embedded {
    uv_loop_t *loop;
    char *folder;                          /* owned; absolute */
    char *socket, *log, *url, *public_url; /* owned */
    char port[8];
    int lock_fd; /* owned */
    uv_process_t process;
    uv_timer_t timer; /* the next start, or the end of patience */
    bool is_running, is_closing;
    uint64_t started_ms, backoff_ms;
    void (*closed)(void *ctx);
    void *ctx;
};

static void embedded_spawn(struct embedded *embedded);

/* --- the child --- */

int embedded_become(int argc, char **argv)
{
    if (argc < 4)
        return EXIT_FAILURE;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)atol(argv[2]))
        return EXIT_FAILURE; /* the daemon was killed meanwhile */
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[3], argv + 3);
    return EXIT_FAILURE;
}

/* --- what it needs --- */

static bool embedded_is_installed(void)
{
    const char *path = getenv("PATH");
    char *folders = ct_strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
    bool is_found = false;
    char *rest = NULL;

    for (char *folder = strtok_r(folders, ":", &rest); folder && !is_found;
         folder = strtok_r(NULL, ":", &rest)) {
        char *file = ct_asprintf("%s/" EMBEDDED_PROGRAM, folder);
        is_found = access(file, X_OK) == 0;
        free(file);
    }
    free(folders);
    return is_found;
}

static enum ct_code embedded_make_folder(struct embedded *embedded, const char *folder,
                                         struct ct_error *err)
{
    struct sockaddr_un limit;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return ct_error_set(err, CT_E_SYSTEM, "cannot make the folder %.120s: %s", folder,
                            strerror(errno));
    embedded->folder = realpath(folder, NULL);
    if (!embedded->folder || access(embedded->folder, R_OK | W_OK | X_OK) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "cannot use the folder %.120s: %s", folder,
                            strerror(errno));
    embedded->socket = ct_asprintf("%s/redis.sock", embedded->folder);
    embedded->log = ct_asprintf("%s/redis.log", embedded->folder);
    embedded->url = ct_asprintf("unix://%s", embedded->socket);
    if (strlen(embedded->socket) >= sizeof limit.sun_path)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "the path %.120s is too long for a socket (%zu bytes): use a shorter "
                            "folder",
                            embedded->socket, sizeof limit.sun_path - 1);
    return CT_E_OK;
}

static enum ct_code embedded_lock(struct embedded *embedded, struct ct_error *err)
{
    char *path = ct_asprintf("%s/lock", embedded->folder);

    embedded->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (embedded->lock_fd < 0)
        return ct_error_set(err, CT_E_SYSTEM, "cannot write in the folder %.120s: %s",
                            embedded->folder, strerror(errno));
    for (int waited_ms = 0; flock(embedded->lock_fd, LOCK_EX | LOCK_NB) != 0; waited_ms += 10) {
        if (errno != EWOULDBLOCK || waited_ms >= EMBEDDED_LOCK_MS)
            return ct_error_set(err, CT_E_CONFLICT,
                                "another daemon uses the folder %.120s: stop it, or give another "
                                "--embedded folder",
                                embedded->folder);
        usleep(10 * 1000);
    }
    return CT_E_OK;
}

/* A port that is free now. Somebody else may take it before the server does: then the start fails,
 * and the next one takes another. */
static uint16_t embedded_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return 0;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        address.sin_port = 0;
    close(fd);
    return ntohs(address.sin_port);
}

static void embedded_choose_port(struct embedded *embedded, const struct embedded_options *options)
{
    uint16_t port = options->port;

    if (options->has_port && port == 0)
        port = embedded_free_port();
    snprintf(embedded->port, sizeof embedded->port, "%u", port);
    embedded->public_url =
        port > 0 ? ct_asprintf("redis://127.0.0.1:%u", port) : ct_strdup(embedded->url);
}

/* --- its life --- */

/* Its own last words say more than a status. */
static void embedded_last_line(const struct embedded *embedded, char *line, size_t size)
{
    char tail[EMBEDDED_LOG_TAIL + 1];
    FILE *file = fopen(embedded->log, "re");
    size_t len = 0;

    line[0] = '\0';
    if (!file)
        return;
    if (fseek(file, -EMBEDDED_LOG_TAIL, SEEK_END) != 0)
        rewind(file);
    len = fread(tail, 1, EMBEDDED_LOG_TAIL, file);
    fclose(file);
    while (len > 0 && tail[len - 1] == '\n')
        len--;
    tail[len] = '\0';
    const char *last = strrchr(tail, '\n');
    snprintf(line, size, "%.*s", (int)size - 1, last ? last + 1 : tail);
}

static void embedded_on_closed(uv_handle_t *handle)
{
    struct embedded *embedded = handle->data;

    void (*closed)(void *ctx) = embedded->closed;
    void *ctx = embedded->ctx;
    if (embedded->lock_fd >= 0)
        close(embedded->lock_fd);
    free(embedded->folder);
    free(embedded->socket);
    free(embedded->log);
    free(embedded->url);
    free(embedded->public_url);
    free(embedded);
    if (closed)
        closed(ctx);
}

static void embedded_on_timer(uv_timer_t *timer)
{
    struct embedded *embedded = timer->data;

    if (embedded->is_closing && embedded->is_running)
        uv_process_kill(&embedded->process, SIGKILL);
    else if (!embedded->is_closing)
        embedded_spawn(embedded);
}

static void embedded_on_process_closed(uv_handle_t *handle)
{
    struct embedded *embedded = handle->data;

    embedded->is_running = false;
    if (embedded->is_closing) {
        uv_close((uv_handle_t *)&embedded->timer, embedded_on_closed);
        return;
    }
    /* One that ran for a while starts again at once. */
    if (uv_now(embedded->loop) - embedded->started_ms > EMBEDDED_RESTART_MAX_MS)
        embedded->backoff_ms = EMBEDDED_RESTART_MIN_MS;
    uv_timer_start(&embedded->timer, embedded_on_timer, embedded->backoff_ms, 0);
    embedded->backoff_ms = embedded->backoff_ms * 2 < EMBEDDED_RESTART_MAX_MS
                               ? embedded->backoff_ms * 2
                               : EMBEDDED_RESTART_MAX_MS;
}

static void embedded_on_exit(uv_process_t *process, int64_t status, int signal_number)
{
    struct embedded *embedded = process->data;
    char line[EMBEDDED_LOG_TAIL + 1];

    if (!embedded->is_closing) {
        embedded_last_line(embedded, line, sizeof line);
        ct_log_error("the embedded Redis ended: starting it again", CT_INT("status", status),
                     CT_INT("signal", signal_number), CT_STR("said", line),
                     CT_STR("log", embedded->log));
    }
    uv_close((uv_handle_t *)process, embedded_on_process_closed);
}

static void embedded_spawn(struct embedded *embedded)
{
    char self[4096], parent[24];
    size_t size = sizeof self;
    char *args[] = {self,
                    EMBEDDED_VERB,
                    parent,
                    EMBEDDED_PROGRAM,
                    "--port",
                    embedded->port,
                    "--bind",
                    "127.0.0.1",
                    "--unixsocket",
                    embedded->socket,
                    "--unixsocketperm",
                    "700",
                    "--dir",
                    embedded->folder,
                    "--appendonly",
                    "yes",
                    "--appendfsync",
                    "everysec",
                    "--save",
                    "",
                    "--daemonize",
                    "no",
                    "--logfile",
                    embedded->log,
                    "--loglevel",
                    "warning",
                    "--maxmemory-policy",
                    "noeviction",
                    NULL};
    uv_stdio_container_t stdio[EMBEDDED_LOCK_FD + 1] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = embedded->lock_fd},
    };
    /* A session of its own: Ctrl-C is for the daemon, which still needs it. */
    const uv_process_options_t options = {
        .file = self,
        .args = args,
        .flags = UV_PROCESS_DETACHED,
        .exit_cb = embedded_on_exit,
        .stdio = stdio,
        .stdio_count = EMBEDDED_LOCK_FD + 1,
    };

    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    int status = uv_exepath(self, &size);
    embedded->process.data = embedded;
    embedded->started_ms = uv_now(embedded->loop);
    embedded->is_running = true;
    if (status == 0)
        status = uv_spawn(embedded->loop, &embedded->process, &options);
    if (status == 0)
        return;
    ct_log_error("cannot start the embedded Redis", CT_STR("error", uv_strerror(status)));
    uv_close((uv_handle_t *)&embedded->process, embedded_on_process_closed);
}

const char *embedded_url(const struct embedded *embedded)
{
    return embedded->url;
}

const char *embedded_public_url(const struct embedded *embedded)
{
    return embedded->public_url;
}

void embedded_close(struct embedded *embedded, void (*closed)(void *ctx), void *ctx)
{
    embedded->is_closing = true;
    embedded->closed = closed;
    embedded->ctx = ctx;
    if (!embedded->is_running) {
        uv_close((uv_handle_t *)&embedded->timer, embedded_on_closed);
        return;
    }
    uv_process_kill(&embedded->process, SIGTERM);
    uv_timer_start(&embedded->timer, embedded_on_timer, EMBEDDED_STOP_MS, 0);
}

enum ct_code embedded_open(const struct embedded_options *options, struct embedded **out,
                           struct ct_error *err)
{
    struct embedded *embedded = ct_zalloc(sizeof *embedded);
    enum ct_code rc = CT_E_OK;

    embedded->loop = options->loop;
    embedded->lock_fd = -1;
    embedded->backoff_ms = EMBEDDED_RESTART_MIN_MS;
    if (!embedded_is_installed())
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "--embedded needs " EMBEDDED_PROGRAM
                          ", which is not installed: apt-get install redis-server");
    if (rc == CT_E_OK)
        rc = embedded_make_folder(embedded, options->folder, err);
    if (rc == CT_E_OK)
        rc = embedded_lock(embedded, err);
    uv_timer_init(options->loop, &embedded->timer);
    embedded->timer.data = embedded;
    if (rc != CT_E_OK) {
        embedded_close(embedded, NULL, NULL);
        return rc;
    }
    embedded_choose_port(embedded, options);
    embedded_spawn(embedded);
    *out = embedded;
    return CT_E_OK;
}
