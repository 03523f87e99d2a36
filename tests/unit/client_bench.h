/* What the tests of proto/client share: a small server on the same loop, real sockets, real frames.
 * The server does what a test tells it to; every wait is for a condition, with a deadline. */
#ifndef TESTS_CLIENT_BENCH_H
#define TESTS_CLIENT_BENCH_H

#include <check.h>
#include <uv.h>

#include "common/random.h"
#include "proto/client.h"
#include "proto/frame.h"

#define DEADLINE_MS 10000

struct peer {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } as;
    struct proto_reader reader;
    struct bench *bench;
    bool is_open;
};

struct bench {
    uv_loop_t loop;
    char dir[64];
    char address[128];
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } listener;
    bool is_listening, is_tcp;
    uv_timer_t deadline;

    /* what the server does */
    bool is_silent;          /* does not answer a ping */
    bool is_mute;            /* accepts, reads, never answers */
    bool is_deaf;            /* does not read after the welcome */
    struct ct_error refusal; /* code OK: welcome */
    uint32_t welcome_frame_max;
    uint64_t welcome_protocol;

    /* what the server saw */
    struct peer *peer; /* the newest */
    unsigned accepts, hellos, windows, pings, pongs, errors, unknown, reads, byes, ends;
    uint64_t window_sum, last_error_code, last_nonce;
    char last_error[300], last_software[64], last_runner[64];

    /* what the client saw */
    struct proto_client *client;
    unsigned ups, downs, refusals, messages, closes;
    enum proto_type last_type;
    struct ct_error why;
    uint64_t state; /* of the generator */
    struct ct_random random;
    uint32_t hello_timeout_ms, ping_interval_ms;
    bool closes_in_message, closes_in_down, must_be_quiet, sends_in_up, sends_in_message;
};

/* Turns the loop until the condition holds. */
#define BENCH_UNTIL(bench, condition)                                   \
    do {                                                                \
        bool is_late = false;                                           \
        (bench)->deadline.data = &is_late;                              \
        uv_update_time(&(bench)->loop);                                 \
        uv_timer_start(&(bench)->deadline, bench_late, DEADLINE_MS, 0); \
        while (!(condition) && !is_late)                                \
            uv_run(&(bench)->loop, UV_RUN_ONCE);                        \
        uv_timer_stop(&(bench)->deadline);                              \
        ck_assert_msg(condition, "waited in vain for %s", #condition);  \
    } while (0)

void bench_late(uv_timer_t *timer);

/* The loop and all else but the server and the client. */
void bench_init(struct bench *bench, bool is_tcp);
void bench_fini(struct bench *bench);

/* The client. */
struct proto_client_options bench_options(struct bench *bench);
void bench_open(struct bench *bench);
void bench_close_client(struct bench *bench, uint64_t flush_ms);
enum ct_code bench_send_window(struct bench *bench, uint64_t count, struct ct_error *err);

/* The server. */
void bench_listen(struct bench *bench);
void bench_unlisten(struct bench *bench);
void peer_send(struct bench *bench, const struct proto_message *message);
void peer_send_bytes(struct bench *bench, const char *bytes, size_t len);
void peer_close(struct bench *bench);

#endif
