/* A server for the tests of proto/client. See client_bench.h. */
#include "tests/unit/client_bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

static void peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    proto_reader_fini(&peer->reader);
    free(peer);
}

void peer_close(struct bench *bench)
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

void peer_send_bytes(struct bench *bench, const char *bytes, size_t len)
{
    struct sending *sending = ct_zalloc(sizeof *sending);
    uv_buf_t buf;

    ck_assert_ptr_nonnull(bench->peer);
    sending->bytes = ct_strndup(bytes, len);
    sending->request.data = sending;
    buf = uv_buf_init(sending->bytes, (unsigned)len);
    ck_assert_int_eq(uv_write(&sending->request, &bench->peer->as.stream, &buf, 1, peer_sent), 0);
}

void peer_send(struct bench *bench, const struct proto_message *message)
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

void bench_listen(struct bench *bench)
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

void bench_unlisten(struct bench *bench)
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

void bench_close_client(struct bench *bench, uint64_t flush_ms)
{
    bench->must_be_quiet = true;
    proto_client_close(bench->client, flush_ms, saw_closed);
}

enum ct_code bench_send_window(struct bench *bench, uint64_t count, struct ct_error *err)
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

void bench_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

void bench_init(struct bench *bench, bool is_tcp)
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

struct proto_client_options bench_options(struct bench *bench)
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

void bench_open(struct bench *bench)
{
    struct proto_client_options options = bench_options(bench);

    ck_assert_int_eq(proto_client_open(&options, &bench->client, NULL), CT_E_OK);
    ck_assert(!proto_client_is_up(bench->client));
}

void bench_fini(struct bench *bench)
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
