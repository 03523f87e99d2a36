/* A TCP proxy that delivers what the server says a fixed time later, as a network between the two
 * would. Requests pass at once. Used by the bench, to see what distance costs.
 *
 *   delay_proxy SERVER_PORT DELAY_US      prints the port it listens on (127.0.0.1)
 *
 * One thread, non-blocking sockets, ppoll with nanoseconds. Answers are kept in the order they
 * came, each chunk with the time it is due. Never changes a byte; ends when its stdin is closed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX  256
#define CHUNK_SIZE 65536
#define NS_PER_S   1000000000LL

struct chunk {
    struct chunk *next;
    int64_t due_ns;
    size_t len, sent;
    char bytes[];
};

struct way {
    int from, to;
    int64_t delay_ns;
    struct chunk *head, *tail; /* owned */
    int is_ended;              /* `from` will say no more */
};

struct pair {
    struct way ways[2]; /* to the server, from the server */
    int is_open;
};

static struct pair pairs[PAIRS_MAX];

static void die(const char *what)
{
    fprintf(stderr, "delay_proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void tune(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int listen_any(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 128) < 0)
        die("cannot listen");
    getsockname(fd, (struct sockaddr *)&address, &len);
    tune(fd);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void pair_open(int listener, uint16_t server_port, int64_t delay_ns)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(server_port)};
    int client = accept(listener, NULL, NULL);
    int server;

    if (client < 0)
        return;
    server = socket(AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; server >= 0 && i < PAIRS_MAX; i++) {
        if (pairs[i].is_open)
            continue;
        if (connect(server, (struct sockaddr *)&address, sizeof address) < 0)
            break;
        tune(client);
        tune(server);
        pairs[i] = (struct pair){.ways = {{.from = client, .to = server},
                                          {.from = server, .to = client, .delay_ns = delay_ns}},
                                 .is_open = 1};
        return;
    }
    close(client);
    if (server >= 0)
        close(server);
}

static void pair_close(struct pair *pair)
{
    for (int i = 0; i < 2; i++) {
        for (struct chunk *chunk = pair->ways[i].head, *next; chunk; chunk = next) {
            next = chunk->next;
            free(chunk);
        }
        close(pair->ways[i].from);
    }
    memset(pair, 0, sizeof *pair);
}

static void way_read(struct way *way)
{
    struct chunk *chunk = malloc(sizeof *chunk + CHUNK_SIZE);
    ssize_t got;

    if (!chunk)
        die("out of memory");
    got = read(way->from, chunk->bytes, CHUNK_SIZE);
    if (got <= 0) {
        way->is_ended = got == 0 || (errno != EAGAIN && errno != EINTR);
        free(chunk);
        return;
    }
    *chunk = (struct chunk){.due_ns = now_ns() + way->delay_ns, .len = (size_t)got};
    if (way->tail)
        way->tail->next = chunk;
    else
        way->head = chunk;
    way->tail = chunk;
}

/* Sends what is due; 0 when the other side is gone. */
static int way_write(struct way *way)
{
    while (way->head && way->head->due_ns <= now_ns()) {
        struct chunk *chunk = way->head;
        ssize_t sent =
            send(way->to, chunk->bytes + chunk->sent, chunk->len - chunk->sent, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        chunk->sent += (size_t)sent;
        if (chunk->sent < chunk->len)
            continue;
        way->head = chunk->next;
        if (!way->head)
            way->tail = NULL;
        free(chunk);
    }
    return 1;
}

static void pair_serve(struct pair *pair, const struct pollfd *fds)
{
    int is_alive = 1;

    for (int i = 0; i < 2; i++) {
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            way_read(&pair->ways[i]);
        is_alive &= way_write(&pair->ways[i]);
        is_alive &= !(pair->ways[i].is_ended && !pair->ways[i].head);
    }
    if (!is_alive)
        pair_close(pair);
}

int main(int argc, char **argv)
{
    static struct pollfd fds[2 + 2 * PAIRS_MAX];
    int64_t delay_ns;
    int listener;

    if (argc != 3) {
        fprintf(stderr, "usage: delay_proxy SERVER_PORT DELAY_US\n");
        return 2;
    }
    delay_ns = atoll(argv[2]) * 1000;
    listener = listen_any();
    for (;;) {
        int64_t next_ns = now_ns() + NS_PER_S;
        int64_t wait_ns;
        struct timespec timeout;

        fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            for (int k = 0; k < 2; k++) {
                const struct way *way = &pairs[i].ways[k];
                int is_read = pairs[i].is_open && !way->is_ended;

                fds[2 + 2 * i + k] =
                    (struct pollfd){.fd = is_read ? way->from : -1, .events = POLLIN};
                if (way->head && way->head->due_ns < next_ns)
                    next_ns = way->head->due_ns;
            }
        }
        wait_ns = next_ns - now_ns();
        timeout.tv_sec = 0;
        timeout.tv_nsec = wait_ns < 0 ? 0 : wait_ns >= NS_PER_S ? NS_PER_S - 1 : wait_ns;
        if (ppoll(fds, 2 + 2 * PAIRS_MAX, &timeout, NULL) < 0 && errno != EINTR)
            die("ppoll");
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            return 0;
        if (fds[0].revents & POLLIN) {
            char byte;

            if (read(STDIN_FILENO, &byte, 1) <= 0)
                return 0;
        }
        if (fds[1].revents & POLLIN)
            pair_open(listener, (uint16_t)atoi(argv[1]), delay_ns);
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (pairs[i].is_open)
                pair_serve(&pairs[i], &fds[2 + 2 * i]);
        }
    }
}
