/* The server is a thread that accepts, and one for each connection. See sdk_http_bench.h. */
#include "tests/unit/sdk_http_bench.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64

struct http_server {
    int listener;
    char url[64];
    pthread_t accepter;
    atomic_int requests, connections, flaky, soon;
    int fds[CONNECTIONS_MAX];
    pthread_t threads[CONNECTIONS_MAX];
};

struct connection {
    struct http_server *server;
    int fd;
};

static void reply(int fd, const char *head, const char *body)
{
    char answer[16384];
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head,
                       strlen(body), body);

    (void)!send(fd, answer, (size_t)len, MSG_NOSIGNAL);
}

static void reply_raw(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void reply_big(int fd)
{
    static const char block[4096];

    reply_raw(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    for (int i = 0; i < 256; i++)
        (void)!send(fd, block, sizeof block, MSG_NOSIGNAL);
}

static void reply_many(int fd)
{
    char head[8192] = "200 OK";

    for (int i = 0; i < 200; i++)
        snprintf(head + strlen(head), sizeof head - strlen(head), "\r\nX-%d: y", i);
    reply(fd, head, "");
}

static void reply_date(int fd)
{
    char head[128], date[64];
    time_t then = time(NULL) + 7200;
    struct tm parts;

    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts));
    snprintf(head, sizeof head, "503 Busy\r\nRetry-After: %s", date);
    reply(fd, head, "");
}

/* False: the connection is closed. */
static bool answer(struct http_server *server, int fd, const char *path, const char *request)
{
    char head[600];

    if (strcmp(path, "/drop") == 0)
        return false;
    if (strcmp(path, "/cut") == 0) {
        reply_raw(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        return false;
    }
    if (strcmp(path, "/stall") == 0)
        reply_raw(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n01234");
    else if (strcmp(path, "/flaky") == 0)
        reply(fd, server->flaky++ < 2 ? "503 Busy" : "200 OK", "text");
    else if (strcmp(path, "/soon") == 0)
        reply(fd, server->soon++ < 1 ? "429 Slow\r\nRetry-After: 0" : "200 OK", "");
    else if (strcmp(path, "/later") == 0)
        reply(fd, "429 Slow\r\nRetry-After: 7200", "slower");
    else if (strcmp(path, "/date") == 0)
        reply_date(fd);
    else if (strcmp(path, "/loop") == 0)
        reply(fd, "302 Found\r\nLocation: /loop", "");
    else if (strncmp(path, "/to?", 4) == 0) {
        snprintf(head, sizeof head, "302 Found\r\nLocation: %.500s", path + 4);
        reply(fd, head, "gone");
    } else if (strcmp(path, "/big") == 0)
        reply_big(fd);
    else if (strcmp(path, "/many") == 0)
        reply_many(fd);
    else if (strcmp(path, "/bad") == 0)
        reply(fd, "422 No", "no such\n\tthing");
    else if (strcmp(path, "/dead") == 0)
        reply(fd, "500 Dead", "");
    else if (strcmp(path, "/silent") != 0)
        reply(fd, "200 OK\r\nX-Kind: Echo", request);
    return true;
}

/* One request with its body, or false at the end. */
static bool read_request(int fd, char *request, size_t size)
{
    size_t len = 0, whole = 0;

    for (;;) {
        ssize_t got = recv(fd, request + len, size - 1 - len, 0);
        char *end, *length;

        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
        end = strstr(request, "\r\n\r\n");
        if (!end)
            continue;
        length = strcasestr(request, "\r\ncontent-length:");
        whole = (size_t)(end + 4 - request) + (length ? strtoul(length + 17, NULL, 10) : 0);
        if (len >= whole)
            return true;
    }
}

static void *serve(void *ctx)
{
    struct connection *connection = ctx;
    char request[12000], path[600];

    while (read_request(connection->fd, request, sizeof request)) {
        connection->server->requests++;
        if (sscanf(request, "%*s %599s", path) != 1 ||
            !answer(connection->server, connection->fd, path, request))
            break;
    }
    shutdown(connection->fd, SHUT_RDWR);
    free(connection);
    return NULL;
}

static void *accept_all(void *ctx)
{
    struct http_server *server = ctx;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        struct connection *connection = malloc(sizeof *connection);
        int index = server->connections;

        ck_assert_int_lt(index, CONNECTIONS_MAX);
        *connection = (struct connection){server, fd};
        server->fds[index] = fd;
        pthread_create(&server->threads[index], NULL, serve, connection);
        server->connections++;
    }
    return NULL;
}

struct http_server *http_server_start(void)
{
    struct http_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(server->listener, 16), 0);
    getsockname(server->listener, (struct sockaddr *)&address, &len);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    pthread_create(&server->accepter, NULL, accept_all, server);
    return server;
}

void http_server_stop(struct http_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->accepter, NULL);
    for (int i = 0; i < server->connections; i++) {
        shutdown(server->fds[i], SHUT_RDWR);
        pthread_join(server->threads[i], NULL);
        close(server->fds[i]);
    }
    close(server->listener);
    free(server);
}

const char *http_server_url(const struct http_server *server)
{
    return server->url;
}

int http_server_requests(struct http_server *server)
{
    return server->requests;
}

int http_server_connections(struct http_server *server)
{
    return server->connections;
}

/* --- the client --- */

struct http_bench bench;

void http_bench_open(struct sdk_http_options options)
{
    options.backoff_ms = options.backoff_ms ? options.backoff_ms : 2;
    bench.server = http_server_start();
    ck_assert(sdk_http_open(&options, &bench.http, &bench.error));
}

void http_bench_close(void)
{
    sdk_http_response_free(&bench.response);
    sdk_http_close(bench.http);
    http_server_stop(bench.server);
}

const char *http_bench_at(const char *path)
{
    snprintf(bench.url, sizeof bench.url, "%s%s", http_server_url(bench.server), path);
    return bench.url;
}

bool http_bench_ask(struct sdk_http_request request)
{
    sdk_http_response_free(&bench.response);
    return sdk_http_send(bench.http, NULL, &request, &bench.response, &bench.error);
}

bool http_bench_get(const char *path)
{
    return http_bench_ask((struct sdk_http_request){.url = http_bench_at(path)});
}

void http_bench_check_text(const char *part)
{
    ck_assert_msg(strstr(bench.error.text, part) != NULL, "\"%s\" is not in \"%s\"", part,
                  bench.error.text);
}
