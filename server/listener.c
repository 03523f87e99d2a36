/* One address that the daemon listens on. Called by daemon.c at start and at the end; the only
 * blocking calls are those of the start, before the loop runs.
 *
 * A socket file may be left over from a daemon that was killed. Whether one is, two daemons that
 * start at the same time must not decide at the same time: the folder is locked meanwhile. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

#define LISTENER_BACKLOG     511
#define LISTENER_FOLDER_MODE 0755
/* Of the socket: its user and group may connect. */
#define LISTENER_UMASK 0117

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } as;
    struct ct_address address; /* owned */
    char *text;                /* owned */
    ino_t inode;               /* of the socket file that is ours */
    listener_accept_fn accept;
    void *ctx;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- socket files --- */

static enum ct_code folder_open(const char *path, int *fd, struct ct_error *err)
{
    char *copy = ct_strdup(path);
    const char *folder = dirname(copy);
    enum ct_code rc = CT_E_OK;

    if (mkdir(folder, LISTENER_FOLDER_MODE) == 0)
        ct_log_debug("made the folder of the socket", CT_STR("folder", folder));
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        rc = ct_error_set(err, CT_E_SYSTEM,
                          "cannot use the folder %.120s: %s; make it, or give another --listen",
                          folder, strerror(errno));
    else
        flock(*fd, LOCK_EX); /* best effort: some file systems have no locks */
    free(copy);
    return rc;
}

static bool path_is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return false;
    memcpy(address.sun_path, path, strlen(path) + 1); /* its length was checked when it was read */
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    bool is_served = rc == 0 || errno == EAGAIN || errno == EACCES;
    close(fd);
    return is_served;
}

static enum ct_code path_clear(const char *path, struct ct_error *err)
{
    struct stat found;

    if (lstat(path, &found) != 0)
        return CT_E_OK;
    if (!S_ISSOCK(found.st_mode))
        return ct_error_set(err, CT_E_CONFLICT,
                            "%.160s exists and is no socket: move it, or give another --listen",
                            path);
    if (path_is_served(path))
        return ct_error_set(err, CT_E_CONFLICT,
                            "another daemon listens on %.140s: stop it, or give another --listen",
                            path);
    if (unlink(path) != 0)
        return ct_error_set(err, CT_E_SYSTEM, "cannot remove the left over socket %.140s: %s", path,
                            strerror(errno));
    ct_log_info("removed a left over socket", CT_STR("path", path));
    return CT_E_OK;
}

static enum ct_code listen_failed(const struct listener *listener, int status, struct ct_error *err)
{
    const char *advice = "";

    if (status == UV_EADDRINUSE)
        advice = ": another program listens there; stop it, or give another --listen";
    else if (status == UV_EACCES || status == UV_EPERM)
        advice = ": this user may not; use a folder or port that it may use with --listen";
    else if (status == UV_EADDRNOTAVAIL)
        advice = ": no interface of this machine has that address";
    return ct_error_set(err, CT_E_SYSTEM, "cannot listen on %.100s: %s%s", listener->text,
                        uv_strerror(status), advice);
}

static void listener_on_connection(uv_stream_t *server, int status)
{
    struct listener *listener = server->data;

    if (status == 0)
        listener->accept(listener->ctx, server);
    else
        ct_log_warn("cannot accept a connection", CT_STR("error", uv_strerror(status)));
}

static int listener_listen(struct listener *listener)
{
    return uv_listen(&listener->as.stream, LISTENER_BACKLOG, listener_on_connection);
}

/* Bound by hand: libuv would remove the file by its name when it closes, and another daemon's may
 * stand there by then. */
static int path_bind(struct listener *listener)
{
    const char *path = listener->address.path;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat made;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return uv_translate_sys_error(errno);
    memcpy(address.sun_path, path, strlen(path) + 1);
    mode_t before = umask(LISTENER_UMASK);
    int status = bind(fd, (struct sockaddr *)&address, sizeof address) == 0
                     ? 0
                     : uv_translate_sys_error(errno);
    umask(before);
    if (status == 0 && stat(path, &made) == 0)
        listener->inode = made.st_ino;
    if (status == 0)
        status = uv_pipe_open(&listener->as.pipe, fd);
    if (status != 0)
        close(fd);
    return status;
}

static enum ct_code listener_bind_path(struct listener *listener, struct ct_error *err)
{
    int folder, status;
    enum ct_code rc = folder_open(listener->address.path, &folder, err);

    if (rc != CT_E_OK)
        return rc;
    rc = path_clear(listener->address.path, err);
    if (rc == CT_E_OK) {
        status = path_bind(listener);
        if (status == 0)
            status = listener_listen(listener);
        if (status != 0)
            rc = listen_failed(listener, status, err);
    }
    close(folder);
    return rc;
}

/* --- TCP --- */

/* The wire has neither passwords nor encryption. */
static void tcp_warn_of_strangers(const struct listener *listener, const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    bool is_local = address->sa_family == AF_INET
                        ? ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                        : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);

    if (!is_local)
        ct_log_warn("whoever can reach this address can take and add jobs: keep it in a private "
                    "network",
                    CT_STR("listen", listener->text));
}

static enum ct_code listener_bind_tcp(struct listener *listener, uv_loop_t *loop,
                                      struct ct_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    uv_getaddrinfo_t request;
    char port[8];

    snprintf(port, sizeof port, "%u", listener->address.port);
    int status = uv_getaddrinfo(loop, &request, NULL, listener->address.host, port, &hints);
    if (status == 0) {
        tcp_warn_of_strangers(listener, request.addrinfo->ai_addr);
        status = uv_tcp_bind(&listener->as.tcp, request.addrinfo->ai_addr, 0);
        uv_freeaddrinfo(request.addrinfo);
    }
    if (status == 0)
        status = listener_listen(listener);
    return status == 0 ? CT_E_OK : listen_failed(listener, status, err);
}

/* --- life --- */

static void listener_on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    void (*closed)(void *ctx) = listener->closed;
    void *ctx = listener->closed_ctx;

    ct_address_free(&listener->address);
    free(listener->text);
    free(listener);
    if (closed)
        closed(ctx);
}

void listener_close(struct listener *listener, void (*closed)(void *ctx), void *ctx)
{
    struct stat found;

    listener->closed = closed;
    listener->closed_ctx = ctx;
    if (listener->inode && stat(listener->address.path, &found) == 0 &&
        found.st_ino == listener->inode)
        unlink(listener->address.path);
    uv_close(&listener->as.handle, listener_on_closed);
}

const char *listener_address(const struct listener *listener)
{
    return listener->text;
}

enum ct_code listener_open(uv_loop_t *loop, const char *address, listener_accept_fn accept,
                           void *ctx, struct listener **out, struct ct_error *err)
{
    struct listener *listener = ct_zalloc(sizeof *listener);
    enum ct_code rc = ct_address_parse(address, &listener->address, err);

    if (rc != CT_E_OK) {
        free(listener);
        return rc;
    }
    listener->text = ct_address_print(&listener->address);
    listener->accept = accept;
    listener->ctx = ctx;
    if (listener->address.path)
        uv_pipe_init(loop, &listener->as.pipe, 0);
    else
        uv_tcp_init(loop, &listener->as.tcp);
    listener->as.handle.data = listener;
    rc = listener->address.path ? listener_bind_path(listener, err)
                                : listener_bind_tcp(listener, loop, err);
    if (rc != CT_E_OK) {
        listener_close(listener, NULL, NULL);
        return rc;
    }
    *out = listener;
    return CT_E_OK;
}
