/* proto/client against a small server on the same loop: real sockets, real frames. The server does
 * what a test tells it to; every wait is for a condition, with a deadline. */
#include <check.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/mem.h"
#include "common/random.h"
#include "proto/client.h"
#include "proto/frame.h"

#define DEADLINE_MS 10000

/* Stands before libuv's function of that name, to count the writes. */
static unsigned try_writes;

int uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count)
{
    int (*real)(uv_stream_t *, const uv_buf_t[], unsigned);

    *(void **)&real = dlsym(RTLD_NEXT, "uv_try_write");
    try_writes++;
    return real(stream, bufs, count);
}

/* --- the server ----------------------------------------------------------------------------- */

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

static void peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    proto_reader_fini(&peer->reader);
    free(peer);
}

static void peer_close(struct bench *bench)
{
    struct peer *peer = bench->peer;

    bench->peer = NULL;
    if (peer)
        uv_close(&peer->as.handle, peer_closed);
}

struct sending {
    uv_write_t request;
    char *bytes; /* owned */
};

static void peer_sent(uv_write_t *request, int status)
{
    struct sending *sending = request->data;

    (void)status;
    free(sending->bytes);
    free(sending);
}

static void peer_send_bytes(struct bench *bench, const char *bytes, size_t len)
{
    struct sending *sending = ct_zalloc(sizeof *sending);
    uv_buf_t buf;

    ck_assert_ptr_nonnull(bench->peer);
    sending->bytes = ct_strndup(bytes, len);
    sending->request.data = sending;
    buf = uv_buf_init(sending->bytes, (unsigned)len);
    ck_assert_int_eq(uv_write(&sending->request, &bench->peer->as.stream, &buf, 1, peer_sent), 0);
}

static void peer_send(struct bench *bench, const struct proto_message *message)
{
    struct ct_buf out;

    ct_buf_init(&out);
    ck_assert_int_eq(proto_encode(&out, message, PROTO_FRAME_MAX, NULL), CT_E_OK);
    peer_send_bytes(bench, ct_buf_data(&out), out.len);
    ct_buf_free(&out);
}

static void peer_greet(struct bench *bench, const struct proto_hello *hello)
{
    struct proto_message answer = {.type = PROTO_WELCOME};

    bench->hellos++;
    snprintf(bench->last_software, sizeof bench->last_software, "%.*s", (int)hello->software.len,
             hello->software.data);
    snprintf(bench->last_runner, sizeof bench->last_runner, "%.*s", (int)hello->runner.len,
             hello->runner.data ? hello->runner.data : "");
    if (bench->is_mute)
        return;
    answer.as.welcome.protocol = bench->welcome_protocol;
    answer.as.welcome.software = CT_STR_LIT("test/1");
    answer.as.welcome.daemon = CT_STR_LIT("d");
    answer.as.welcome.frame_max = bench->welcome_frame_max;
    if (bench->refusal.code != CT_E_OK) {
        memset(&answer, 0, sizeof answer);
        answer.type = PROTO_ERROR;
        answer.as.error.code = bench->refusal.code;
        answer.as.error.detail = ct_str_of(bench->refusal.detail);
    }
    peer_send(bench, &answer);
    if (bench->refusal.code != CT_E_OK)
        peer_close(bench);
    else if (bench->is_deaf)
        uv_read_stop(&bench->peer->as.stream);
}

static void peer_pong(struct bench *bench, uint64_t nonce)
{
    struct proto_message pong = {.type = PROTO_PONG, .as.pong.nonce = nonce};

    peer_send(bench, &pong);
}

static void peer_take(struct bench *bench, struct ct_str payload)
{
    struct proto_message message;
    enum ct_code rc = proto_decode(payload, &message, NULL);

    ck_assert_int_eq(rc, CT_E_OK);
    switch (message.type) {
    case PROTO_HELLO:
        peer_greet(bench, &message.as.hello);
        return;
    case PROTO_WINDOW:
        bench->windows++;
        bench->window_sum += message.as.window.count;
        return;
    case PROTO_PONG:
        bench->pongs++;
        bench->last_nonce = message.as.pong.nonce;
        return;
    case PROTO_PING:
        bench->pings++;
        if (!bench->is_silent)
            peer_pong(bench, message.as.ping.nonce);
        return;
    case PROTO_BYE:
        bench->byes++;
        return;
    case PROTO_ERROR:
        bench->errors++;
        bench->last_error_code = message.as.error.code;
        snprintf(bench->last_error, sizeof bench->last_error, "%.*s",
                 (int)message.as.error.detail.len, message.as.error.detail.data);
        return;
    default:
        bench->unknown++;
    }
}

static void peer_alloc(uv_handle_t *handle, size_t want, uv_buf_t *out)
{
    struct peer *peer = handle->data;
    size_t room;
    char *space = proto_reader_space(&peer->reader, want, &room);

    *out = uv_buf_init(space, (unsigned)room);
}

static void peer_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    struct bench *bench = peer->bench;
    struct ct_str payload;

    (void)buf;
    if (len < 0) {
        bench->ends++;
        if (bench->peer == peer)
            peer_close(bench);
        return;
    }
    bench->reads++;
    proto_reader_filled(&peer->reader, (size_t)len);
    while (bench->peer == peer && proto_reader_next(&peer->reader, &payload, NULL) == CT_E_OK)
        peer_take(bench, payload);
}

static void bench_accept(uv_stream_t *listener, int status)
{
    struct bench *bench = listener->data;
    struct peer *peer = ct_zalloc(sizeof *peer);

    ck_assert_int_eq(status, 0);
    bench->accepts++;
    peer_close(bench);
    peer->bench = bench;
    proto_reader_init(&peer->reader, 0);
    if (bench->is_tcp)
        uv_tcp_init(&bench->loop, &peer->as.tcp);
    else
        uv_pipe_init(&bench->loop, &peer->as.pipe, 0);
    peer->as.handle.data = peer;
    ck_assert_int_eq(uv_accept(listener, &peer->as.stream), 0);
    ck_assert_int_eq(uv_read_start(&peer->as.stream, peer_alloc, peer_read), 0);
    bench->peer = peer;
}

static void bench_listen(struct bench *bench)
{
    int rc;

    if (bench->is_tcp) {
        struct sockaddr_in any;
        struct sockaddr_in bound;
        int len = sizeof bound;
        uv_ip4_addr("127.0.0.1", 0, &any);
        uv_tcp_init(&bench->loop, &bench->listener.tcp);
        ck_assert_int_eq(uv_tcp_bind(&bench->listener.tcp, (struct sockaddr *)&any, 0), 0);
        uv_tcp_getsockname(&bench->listener.tcp, (struct sockaddr *)&bound, &len);
        snprintf(bench->address, sizeof bench->address, "localhost:%u", ntohs(bound.sin_port));
    } else {
        uv_pipe_init(&bench->loop, &bench->listener.pipe, 0);
        unlink(bench->address);
        ck_assert_int_eq(uv_pipe_bind(&bench->listener.pipe, bench->address), 0);
    }
    bench->listener.handle.data = bench;
    rc = uv_listen(&bench->listener.stream, 16, bench_accept);
    ck_assert_int_eq(rc, 0);
    bench->is_listening = true;
}

static void bench_unlisten(struct bench *bench)
{
    if (bench->is_listening)
        uv_close(&bench->listener.handle, NULL);
    bench->is_listening = false;
}

/* --- the client's callbacks ------------------------------------------------------------------ */

static void saw_closed(void *ctx)
{
    struct bench *bench = ctx;

    bench->closes++;
    bench->client = NULL;
}

static void bench_close_client(struct bench *bench, uint64_t flush_ms)
{
    bench->must_be_quiet = true;
    proto_client_close(bench->client, flush_ms, saw_closed);
}

static enum ct_code bench_send_window(struct bench *bench, uint64_t count, struct ct_error *err)
{
    struct proto_message message = {.type = PROTO_WINDOW, .as.window = {.sub = 1, .count = count}};

    return proto_client_send(bench->client, &message, err);
}

static void saw_up(void *ctx, const struct proto_welcome *welcome)
{
    struct bench *bench = ctx;

    ck_assert(!bench->must_be_quiet);
    ck_assert(ct_str_is(welcome->software, "test/1"));
    ck_assert(proto_client_is_up(bench->client));
    bench->ups++;
    if (bench->sends_in_up)
        ck_assert_int_eq(bench_send_window(bench, 5, NULL), CT_E_OK);
}

static void saw_down(void *ctx, const struct ct_error *why)
{
    struct bench *bench = ctx;

    ck_assert(!bench->must_be_quiet);
    ck_assert(!proto_client_is_up(bench->client));
    ck_assert_int_eq(bench_send_window(bench, 1, NULL), CT_E_CLOSED);
    bench->downs++;
    bench->why = *why;
    if (bench->closes_in_down)
        bench_close_client(bench, 0);
}

static void saw_refused(void *ctx, const struct ct_error *why)
{
    struct bench *bench = ctx;

    ck_assert(!bench->must_be_quiet);
    bench->refusals++;
    bench->why = *why;
}

static void saw_message(void *ctx, const struct proto_message *message)
{
    struct bench *bench = ctx;

    ck_assert(!bench->must_be_quiet);
    bench->messages++;
    bench->last_type = message->type;
    if (bench->sends_in_message)
        ck_assert_int_eq(bench_send_window(bench, 5, NULL), CT_E_OK);
    if (bench->closes_in_message)
        bench_close_client(bench, 0);
}

/* --- the bench ------------------------------------------------------------------------------ */

static void bench_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

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

static void bench_init(struct bench *bench, bool is_tcp)
{
    memset(bench, 0, sizeof *bench);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(uv_loop_init(&bench->loop), 0);
    uv_timer_init(&bench->loop, &bench->deadline);
    bench->is_tcp = is_tcp;
    bench->welcome_frame_max = PROTO_FRAME_MAX;
    bench->welcome_protocol = PROTO_VERSION_MAX;
    bench->state = 7;
    bench->random = ct_random_seeded(&bench->state);
    snprintf(bench->dir, sizeof bench->dir, "/tmp/ct-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bench->dir));
    snprintf(bench->address, sizeof bench->address, "%s/q.sock", bench->dir);
}

static struct proto_client_options bench_options(struct bench *bench)
{
    return (struct proto_client_options){
        .loop = &bench->loop,
        .address = bench->address,
        .hello = {.role = PROTO_ROLE_RUNNER,
                  .software = CT_STR_LIT("unit/1"),
                  .has_runner = true,
                  .runner = CT_STR_LIT("r-1")},
        .hello_timeout_ms = bench->hello_timeout_ms,
        .ping_interval_ms = bench->ping_interval_ms,
        .random = &bench->random,
        .events = {saw_up, saw_down, saw_refused, saw_message},
        .ctx = bench,
    };
}

static void bench_open(struct bench *bench)
{
    struct proto_client_options options = bench_options(bench);

    ck_assert_int_eq(proto_client_open(&options, &bench->client, NULL), CT_E_OK);
    ck_assert(!proto_client_is_up(bench->client));
}

static void bench_fini(struct bench *bench)
{
    if (bench->client && !bench->must_be_quiet)
        bench_close_client(bench, 0);
    BENCH_UNTIL(bench, bench->client == NULL);
    peer_close(bench);
    bench_unlisten(bench);
    uv_close((uv_handle_t *)&bench->deadline, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench->loop), 0);
    unlink(bench->address);
    rmdir(bench->dir);
}

/* --- tests ---------------------------------------------------------------------------------- */

START_TEST(test_up_and_messages)
{
    struct bench bench;
    struct proto_message job = {.type = PROTO_CANCEL};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench.sends_in_up = true;
    bench_open(&bench);
    ck_assert_int_eq(bench_send_window(&bench, 1, NULL), CT_E_CLOSED);
    BENCH_UNTIL(&bench, bench.windows == 1);
    ck_assert_uint_eq(bench.window_sum, 5);
    ck_assert_str_eq(bench.last_software, "unit/1");
    ck_assert_str_eq(bench.last_runner, "r-1");
    ck_assert_uint_eq(bench.downs, 0);

    job.as.cancel.lease = 4;
    job.as.cancel.reason = CT_STR_LIT("x");
    peer_send(&bench, &job);
    BENCH_UNTIL(&bench, bench.messages == 1);
    ck_assert_int_eq(bench.last_type, PROTO_CANCEL);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

START_TEST(test_ping_is_answered_inside)
{
    struct bench bench;
    struct proto_message ping = {.type = PROTO_PING, .as.ping.nonce = 77};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send(&bench, &ping);
    BENCH_UNTIL(&bench, bench.pongs == 1);
    ck_assert_uint_eq(bench.last_nonce, 77);
    ck_assert_uint_eq(bench.messages, 0);
    bench_fini(&bench);
}
END_TEST

/* Silence is asked about; an answer keeps the connection, none ends it. */
START_TEST(test_silence)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.ping_interval_ms = 30;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.pings == 4);
    ck_assert_uint_eq(bench.downs, 0);
    ck_assert_uint_eq(bench.messages, 0);
    bench.is_silent = true;
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_msg(strstr(bench.why.detail, "60 ms") != NULL, "%s", bench.why.detail);
    bench.is_silent = false;
    BENCH_UNTIL(&bench, bench.ups == 2);
    bench_fini(&bench);
}
END_TEST

/* A loop that slept itself must not blame the daemon, whose answer lies unread. */
START_TEST(test_own_sleep_is_not_silence)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.ping_interval_ms = 30;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.pings == 1);
    uint64_t start = uv_hrtime();
    while (uv_hrtime() - start < 100 * 1000000ull)
        usleep(1000);
    BENCH_UNTIL(&bench, bench.pings == 3);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* A thousand messages of one turn are one write, and it comes before the loop sleeps. */
START_TEST(test_writes_are_gathered)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    unsigned before = try_writes;
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_int_eq(bench_send_window(&bench, 1, NULL), CT_E_OK);
    ck_assert_uint_eq(try_writes, before);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(try_writes, before + 1);
    BENCH_UNTIL(&bench, bench.windows == 1000);
    bench_fini(&bench);
}
END_TEST

/* Answers to messages of one read leave in the loop's same pass, together. */
START_TEST(test_answers_leave_at_once)
{
    struct bench bench;
    struct proto_message cancel = {.type = PROTO_CANCEL};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    unsigned before = try_writes;
    bench.sends_in_message = true;
    for (unsigned i = 0; i < 50; i++)
        peer_send(&bench, &cancel);
    BENCH_UNTIL(&bench, bench.messages > 0);
    ck_assert_uint_eq(bench.messages, 50);
    ck_assert_uint_eq(try_writes, before + 1);
    BENCH_UNTIL(&bench, bench.windows == 50);
    bench_fini(&bench);
}
END_TEST

/* An idle client must not keep the loop turning. */
START_TEST(test_idle_does_not_spin)
{
    struct bench bench;
    unsigned turns = 0;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    bool is_late = false;
    bench.deadline.data = &is_late;
    uv_update_time(&bench.loop);
    uv_timer_start(&bench.deadline, bench_late, 100, 0);
    while (!is_late) {
        uv_run(&bench.loop, UV_RUN_ONCE);
        turns++;
    }
    ck_assert_uint_le(turns, 5);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_reconnects_after_close)
{
    struct bench bench;

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    for (unsigned round = 1; round <= 3; round++) {
        BENCH_UNTIL(&bench, bench.ups == round);
        peer_close(&bench);
        BENCH_UNTIL(&bench, bench.downs == round);
        ck_assert_int_eq(bench.why.code, CT_E_CLOSED);
    }
    BENCH_UNTIL(&bench, bench.ups == 4);
    ck_assert_uint_eq(bench.downs, 3);
    bench_fini(&bench);
}
END_TEST

/* Nobody there: told once, tried again, up as soon as somebody is. */
START_TEST(test_waits_for_a_daemon)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_msg(strstr(bench.why.detail, bench.address) != NULL, "%s", bench.why.detail);
    uint64_t start = uv_now(&bench.loop);
    BENCH_UNTIL(&bench, uv_now(&bench.loop) - start > 200);
    bench_listen(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_uint_eq(bench.downs, 1);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_refused_for_good)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    ct_error_set(&bench.refusal, CT_E_UNSUPPORTED, "versions 7 to 9 only");
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.refusals == 1);
    ck_assert_int_eq(bench.why.code, CT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(bench.why.detail, "versions 7 to 9 only"));
    uint64_t start = uv_now(&bench.loop);
    uv_timer_start(&bench.deadline, bench_late, 100, 0);
    bool is_late = false;
    bench.deadline.data = &is_late;
    while (uv_now(&bench.loop) - start < 100)
        uv_run(&bench.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(bench.hellos, 1);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* A refusal that may pass is an outage: tried again. */
START_TEST(test_refused_for_now)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    ct_error_set(&bench.refusal, CT_E_REDIS_DOWN, "no Redis");
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.hellos == 3);
    ck_assert_uint_eq(bench.downs, 1);
    ck_assert_int_eq(bench.why.code, CT_E_REDIS_DOWN);
    bench.refusal.code = CT_E_OK;
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_uint_eq(bench.refusals, 0);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_wrong_version_in_welcome)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.welcome_protocol = 99;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.refusals == 1);
    ck_assert_int_eq(bench.why.code, CT_E_UNSUPPORTED);
    ck_assert_uint_eq(bench.ups, 0);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_mute_daemon_times_out)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_mute = true;
    bench.hello_timeout_ms = 50;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_msg(strstr(bench.why.detail, "no welcome") != NULL, "%s", bench.why.detail);
    bench.is_mute = false;
    BENCH_UNTIL(&bench, bench.ups == 1);
    bench_fini(&bench);
}
END_TEST

/* The daemon stops reading: queueing has an end, and it is an outage with a reason. */
START_TEST(test_write_queue_is_bounded)
{
    struct bench bench;
    struct proto_client_options options;
    static char data[64 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};
    struct ct_error err = {CT_E_OK, ""};
    enum ct_code rc = CT_E_OK;
    size_t sent = 0;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_deaf = true;
    options = bench_options(&bench);
    options.write_queue_max = 4 * 1024 * 1024;
    ck_assert_int_eq(proto_client_open(&options, &bench.client, NULL), CT_E_OK);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    while (rc == CT_E_OK && sent < 1000) {
        rc = proto_client_send(bench.client, &message, &err);
        sent++;
        if (sent % 8 == 0)
            uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    ck_assert_int_eq(rc, CT_E_CLOSED);
    ck_assert_msg(strstr(err.detail, "write queue") != NULL, "%s", err.detail);
    ck_assert_uint_ge(sent, 64);
    ck_assert(!proto_client_is_up(bench.client));
    ck_assert_uint_eq(bench.downs, 0); /* never from inside a call */
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_int_eq(bench.why.code, CT_E_TOO_LARGE);
    bench.is_deaf = false;
    BENCH_UNTIL(&bench, bench.ups == 2);
    bench_fini(&bench);
}
END_TEST

/* More than the socket takes at once still arrives, whole and in order. */
START_TEST(test_flood_arrives)
{
    struct bench bench;
    static char data[256 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
        ck_assert_int_eq(bench_send_window(&bench, i, NULL), CT_E_OK);
        if (i % 4 == 0)
            uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    BENCH_UNTIL(&bench, bench.windows == 40 && bench.unknown == 40);
    ck_assert_uint_eq(bench.window_sum, 39 * 40 / 2);
    bench_fini(&bench);
}
END_TEST

START_TEST(test_frame_limit_of_the_daemon)
{
    struct bench bench;
    static char data[8192];
    struct proto_message message = {.type = PROTO_UPDATE, .as.update.data = {data, sizeof data}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.welcome_frame_max = 4096;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_TOO_LARGE);
    ck_assert_int_eq(bench_send_window(&bench, 3, NULL), CT_E_OK);
    BENCH_UNTIL(&bench, bench.windows == 1);
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

struct garbage {
    const char *bytes;
    size_t len;
    enum ct_code code; /* of the outage */
    bool is_told;      /* the daemon gets an error message */
};

#define GARBAGE(literal, code, is_told)             \
    {                                               \
        literal, sizeof(literal) - 1, code, is_told \
    }

static const struct garbage garbages[] = {
    GARBAGE("\0\0\0\0", CT_E_BAD_FRAME, false),
    GARBAGE("\xff\xff\xff\xff", CT_E_TOO_LARGE, false),
    GARBAGE("\0\0\0\1\xc1", CT_E_BAD_MESSAGE, true),
    GARBAGE("\0\0\0\3\x92\x0b\x80", CT_E_BAD_MESSAGE, true), /* an ack without its fields */
    GARBAGE("\0\0\0\x0b\x92\x02\x84\x01\x01\x02\xa0\x03\xa0\x04\x01", CT_E_BAD_MESSAGE, true),
};

START_TEST(test_garbage_is_an_outage)
{
    struct bench bench;
    const struct garbage *garbage = &garbages[_i];

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send_bytes(&bench, garbage->bytes, garbage->len);
    BENCH_UNTIL(&bench, bench.downs == 1 && bench.ups == 2);
    ck_assert_int_eq(bench.why.code, garbage->code);
    ck_assert_uint_eq(bench.errors, garbage->is_told ? 1 : 0);
    ck_assert_uint_eq(bench.messages, 0);
    bench_fini(&bench);
}
END_TEST

/* A message type of a newer daemon is answered and passed over. */
START_TEST(test_unknown_message_goes_on)
{
    struct bench bench;

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send_bytes(&bench, "\0\0\0\4\x92\xcc\xc8\x80", 8);
    BENCH_UNTIL(&bench, bench.errors == 1);
    ck_assert_uint_eq(bench.last_error_code, CT_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(bench.last_error, "200"));
    ck_assert(proto_client_is_up(bench.client));
    ck_assert_uint_eq(bench.downs, 0);
    bench_fini(&bench);
}
END_TEST

/* The daemon's parting words are the reason of the outage. */
START_TEST(test_error_then_close)
{
    struct bench bench;
    struct proto_message error = {
        .type = PROTO_ERROR, .as.error = {.code = CT_E_TIMEOUT, .detail = CT_STR_LIT("too slow")}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    peer_send(&bench, &error);
    peer_close(&bench);
    BENCH_UNTIL(&bench, bench.downs == 1);
    ck_assert_uint_eq(bench.messages, 1);
    ck_assert_int_eq(bench.why.code, CT_E_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(bench.why.detail, "too slow"));
    bench_fini(&bench);
}
END_TEST

/* What was queued before the close arrives, even when the daemon keeps sending. */
START_TEST(test_close_flushes)
{
    struct bench bench;
    static char data[256 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE};
    struct proto_message bye = {.type = PROTO_BYE};

    bench_init(&bench, _i == 1);
    bench_listen(&bench);
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    memset(data, 'x', sizeof data);
    message.as.update.data = (struct ct_str){data, sizeof data};
    peer_send(&bench, &message);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
    ck_assert_int_eq(proto_client_send(bench.client, &bye, NULL), CT_E_OK);
    uint64_t start = uv_hrtime();
    bench_close_client(&bench, 9000);
    BENCH_UNTIL(&bench, bench.closes == 1);
    ck_assert_uint_lt((uv_hrtime() - start) / 1000000, 8000); /* done, not given up */
    BENCH_UNTIL(&bench, bench.ends == 1);
    ck_assert_uint_eq(bench.unknown, 16);
    ck_assert_uint_eq(bench.byes, 1);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

/* A daemon that does not read holds the close up for no longer than allowed. */
START_TEST(test_close_gives_up_flushing)
{
    struct bench bench;
    static char data[1024 * 1024];
    struct proto_message message = {.type = PROTO_UPDATE, .as.update.data = {data, sizeof data}};

    bench_init(&bench, false);
    bench_listen(&bench);
    bench.is_deaf = true;
    bench_open(&bench);
    BENCH_UNTIL(&bench, bench.ups == 1);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_int_eq(proto_client_send(bench.client, &message, NULL), CT_E_OK);
    uint64_t start = uv_hrtime();
    bench_close_client(&bench, 50);
    BENCH_UNTIL(&bench, bench.closes == 1);
    ck_assert_uint_ge((uv_hrtime() - start) / 1000000, 40);
    bench_fini(&bench);
}
END_TEST

enum close_when {
    CLOSE_AT_ONCE,
    CLOSE_GREETING,
    CLOSE_WAITING,
    CLOSE_IN_DOWN,
    CLOSE_IN_MESSAGE,
    CLOSE_REFUSED,
    CLOSE_RESOLVING,
    CLOSE_COUNT
};

/* In whatever state it is closed: one `closed`, no other callback (saw_* assert it), no leak. */
START_TEST(test_close_in_every_state)
{
    struct bench bench;
    struct proto_message bye = {.type = PROTO_BYE};

    bench_init(&bench, _i == CLOSE_RESOLVING);
    if (_i != CLOSE_WAITING && _i != CLOSE_IN_DOWN)
        bench_listen(&bench);
    bench.is_mute = _i == CLOSE_GREETING;
    bench.closes_in_down = _i == CLOSE_IN_DOWN;
    bench.closes_in_message = _i == CLOSE_IN_MESSAGE;
    if (_i == CLOSE_REFUSED)
        ct_error_set(&bench.refusal, CT_E_INVALID, "no");
    bench_open(&bench);
    if (_i == CLOSE_GREETING)
        BENCH_UNTIL(&bench, bench.hellos == 1);
    if (_i == CLOSE_WAITING)
        BENCH_UNTIL(&bench, bench.downs == 1);
    if (_i == CLOSE_REFUSED)
        BENCH_UNTIL(&bench, bench.refusals == 1);
    if (_i == CLOSE_IN_MESSAGE) {
        BENCH_UNTIL(&bench, bench.ups == 1);
        for (unsigned i = 0; i < 3; i++)
            peer_send(&bench, &bye);
    }
    if (_i != CLOSE_IN_DOWN && _i != CLOSE_IN_MESSAGE)
        bench_close_client(&bench, 1000);
    BENCH_UNTIL(&bench, bench.closes == 1);
    bench_fini(&bench);
    ck_assert_uint_eq(bench.closes, 1);
}
END_TEST

START_TEST(test_bad_addresses)
{
    static const char *const addresses[] = {"", "nowhere", "host:", "host:99999"};
    struct bench bench;
    struct proto_client_options options;
    struct ct_error err;
    char path[400];

    bench_init(&bench, false);
    options = bench_options(&bench);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        options.address = addresses[i];
        ck_assert_int_eq(proto_client_open(&options, &bench.client, &err), CT_E_INVALID);
    }
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    options.address = path;
    ck_assert_int_eq(proto_client_open(&options, &bench.client, &err), CT_E_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "107"));
    bench_fini(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *tcase = tcase_create("client");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_up_and_messages, 0, 2);
    tcase_add_test(tcase, test_ping_is_answered_inside);
    tcase_add_test(tcase, test_silence);
    tcase_add_test(tcase, test_own_sleep_is_not_silence);
    tcase_add_test(tcase, test_writes_are_gathered);
    tcase_add_test(tcase, test_answers_leave_at_once);
    tcase_add_test(tcase, test_idle_does_not_spin);
    tcase_add_loop_test(tcase, test_reconnects_after_close, 0, 2);
    tcase_add_test(tcase, test_waits_for_a_daemon);
    tcase_add_test(tcase, test_refused_for_good);
    tcase_add_test(tcase, test_refused_for_now);
    tcase_add_test(tcase, test_wrong_version_in_welcome);
    tcase_add_test(tcase, test_mute_daemon_times_out);
    tcase_add_test(tcase, test_write_queue_is_bounded);
    tcase_add_loop_test(tcase, test_flood_arrives, 0, 2);
    tcase_add_test(tcase, test_frame_limit_of_the_daemon);
    tcase_add_loop_test(tcase, test_garbage_is_an_outage, 0,
                        (int)(sizeof garbages / sizeof garbages[0]));
    tcase_add_test(tcase, test_unknown_message_goes_on);
    tcase_add_test(tcase, test_error_then_close);
    tcase_add_loop_test(tcase, test_close_flushes, 0, 2);
    tcase_add_test(tcase, test_close_gives_up_flushing);
    tcase_add_loop_test(tcase, test_close_in_every_state, 0, CLOSE_COUNT);
    tcase_add_test(tcase, test_bad_addresses);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
