/* A link against a small server on the same loop: real sockets, and answers that the test gives.
 * Every wait is for a condition, with a deadline. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "redis/link.h"
#include "redis/reply_reader.h"
#include "tests/lib/unit.h"

#define DEADLINE_MS 10000

struct bench;

struct peer {
    uv_pipe_t pipe;
    struct reply_reader *reader;
    struct bench *bench;
};

/* What the server answers to a command that begins so; the first that fits counts. */
struct rule {
    const char *begins;
    const char *answer; /* NULL: none. "": close */
    int times;          /* then the rule is over; 0: for ever */
};

struct bench {
    uv_loop_t loop;
    char dir[64], path[96];
    uv_pipe_t listener;
    struct peer *peer; /* the newest */
    struct rule rules[16];
    char said[4096]; /* commands, one a line */
    uv_timer_t deadline;
    struct ct_redis_url url;
    struct redis_link *link;
    int ups, downs, answers, errors, closes, messages, heard, refusals, accepts;
    struct ct_error why, last;
    char message[64], order[64];
    uint64_t seed;
    struct ct_random random;
};

static void bench_write(struct peer *peer, const char *text)
{
    uv_buf_t buf = uv_buf_init((char *)text, (unsigned)strlen(text));

    /* The link may have gone: then nobody misses the answer. */
    (void)uv_try_write((uv_stream_t *)&peer->pipe, &buf, 1);
}

static void peer_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    reply_reader_free(peer->reader);
    free(peer);
}

static void peer_close(struct peer *peer)
{
    if (peer->bench->peer == peer)
        peer->bench->peer = NULL;
    if (!uv_is_closing((uv_handle_t *)&peer->pipe))
        uv_close((uv_handle_t *)&peer->pipe, peer_closed);
}

static void peer_handle(struct peer *peer, const struct redis_reply *command)
{
    struct bench *bench = peer->bench;
    char line[512] = "";

    for (size_t i = 0; i < redis_reply_count(command); i++) {
        struct ct_str word = redis_reply_str(redis_reply_at(command, i));
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%.*s", i ? " " : "",
                 (int)(word.len < 60 ? word.len : 60), word.data);
    }
    snprintf(bench->said + strlen(bench->said), sizeof bench->said - strlen(bench->said), "%s\n",
             line);
    for (struct rule *rule = bench->rules; rule->begins; rule++) {
        if (strncmp(line, rule->begins, strlen(rule->begins)) != 0 || rule->times < 0)
            continue;
        if (rule->times > 0 && --rule->times == 0)
            rule->times = -1;
        if (rule->answer && rule->answer[0] == '\0')
            peer_close(peer);
        else if (rule->answer)
            bench_write(peer, rule->answer);
        return;
    }
    bench_write(peer, strncmp(line, "CLIENT ID", 9) == 0 ? ":77\r\n" : "+OK\r\n");
}

static void peer_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    *buf = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void peer_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;
    const struct redis_reply *command;

    if (count > 0)
        ck_assert_int_eq(reply_reader_feed(peer->reader, buf->base, (size_t)count, NULL), CT_E_OK);
    free(buf->base);
    if (count < 0) {
        peer_close(peer);
        return;
    }
    while (!uv_is_closing((uv_handle_t *)stream) &&
           reply_reader_next(peer->reader, &command, NULL) == CT_E_OK && command)
        peer_handle(peer, command);
}

static void bench_accept(uv_stream_t *server, int status)
{
    struct bench *bench = server->data;
    struct peer *peer = ct_zalloc(sizeof *peer);

    ck_assert_int_eq(status, 0);
    bench->accepts++;
    peer->bench = bench;
    peer->reader = reply_reader_new();
    uv_pipe_init(&bench->loop, &peer->pipe, 0);
    peer->pipe.data = peer;
    ck_assert_int_eq(uv_accept(server, (uv_stream_t *)&peer->pipe), 0);
    uv_read_start((uv_stream_t *)&peer->pipe, peer_alloc, peer_read);
    bench->peer = peer;
}

static void bench_listen(struct bench *bench)
{
    uv_pipe_init(&bench->loop, &bench->listener, 0);
    bench->listener.data = bench;
    ck_assert_int_eq(uv_pipe_bind(&bench->listener, bench->path), 0);
    ck_assert_int_eq(uv_listen((uv_stream_t *)&bench->listener, 16, bench_accept), 0);
}

/* --- the link's callbacks --- */

static void on_up(void *ctx)
{
    ((struct bench *)ctx)->ups++;
}

static void on_down(void *ctx, const struct ct_error *why)
{
    struct bench *bench = ctx;

    bench->downs++;
    bench->why = *why;
}

static void on_message(void *ctx, struct ct_str channel, struct ct_str payload)
{
    struct bench *bench = ctx;

    if (!payload.data)
        bench->heard++;
    else
        snprintf(bench->message, sizeof bench->message, "%d %.*s %.*s", ++bench->messages,
                 (int)channel.len, channel.data, (int)payload.len, payload.data);
}

static void on_refused(void *ctx, struct ct_str channel, const struct ct_error *why)
{
    struct bench *bench = ctx;

    ck_assert(ct_str_is(channel, "no"));
    ck_assert(why->code != CT_E_OK);
    bench->refusals++;
}

static void on_answer(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct bench *bench = arg;

    ck_assert(!reply != !err);
    if (err) {
        bench->errors++;
        bench->last = *err;
        return;
    }
    bench->answers++;
    struct ct_str text = redis_reply_str(reply);
    snprintf(bench->order + strlen(bench->order), sizeof bench->order - strlen(bench->order),
             "%.*s ", (int)text.len, text.data);
}

static void on_closed(void *ctx)
{
    ((struct bench *)ctx)->closes++;
}

/* --- bench --- */

static void bench_late(uv_timer_t *timer)
{
    ck_abort_msg("a condition did not come true in time");
}

#define WAIT(bench, condition)                                          \
    do {                                                                \
        uv_timer_start(&(bench)->deadline, bench_late, DEADLINE_MS, 0); \
        while (!(condition))                                            \
            uv_run(&(bench)->loop, UV_RUN_ONCE);                        \
        uv_timer_stop(&(bench)->deadline);                              \
    } while (0)

static struct bench *bench_new(void)
{
    struct bench *bench = ct_zalloc(sizeof *bench);

    uv_loop_init(&bench->loop);
    uv_timer_init(&bench->loop, &bench->deadline);
    snprintf(bench->dir, sizeof bench->dir, "/tmp/cartrita-link-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bench->dir));
    snprintf(bench->path, sizeof bench->path, "%s/s", bench->dir);
    bench->url.path = bench->path;
    bench->seed = 1;
    bench->random = ct_random_seeded(&bench->seed);
    bench_listen(bench);
    return bench;
}

static void bench_open(struct bench *bench, const char *name, uint64_t reply_timeout_ms)
{
    const struct redis_link_options options = {
        .loop = &bench->loop,
        .url = &bench->url,
        .random = &bench->random,
        .client_name = name,
        .reply_timeout_ms = reply_timeout_ms,
        .on_up = on_up,
        .on_down = on_down,
        .on_message = on_message,
        .on_refused = on_refused,
        .ctx = bench,
    };

    bench->link = redis_link_open(&options);
}

static void bench_free(struct bench *bench)
{
    if (bench->link) {
        redis_link_close(bench->link, on_closed, bench);
        WAIT(bench, bench->closes == 1);
    }
    if (bench->peer)
        peer_close(bench->peer);
    uv_close((uv_handle_t *)&bench->listener, NULL);
    uv_close((uv_handle_t *)&bench->deadline, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bench->loop), 0);
    unlink(bench->path);
    rmdir(bench->dir);
    free(bench);
}

static void call(struct bench *bench, const struct redis_script *script, const char *first,
                 const char *second)
{
    struct redis_command command;

    redis_command_init(&command, script);
    redis_command_text(&command, first);
    if (second)
        redis_command_text(&command, second);
    redis_link_call(bench->link, &command, on_answer, bench);
    ck_assert_uint_eq(command.body.len, 0);
    redis_command_fini(&command);
}

/* --- tests --- */

START_TEST(test_handshake)
{
    struct bench *bench = bench_new();

    bench->url.user = "ann";
    bench->url.password = "s p";
    bench->url.db = 3;
    bench_open(bench, "bull:cQ==", 0);
    ck_assert(!redis_link_is_up(bench->link));
    WAIT(bench, bench->ups == 1);
    ck_assert_str_eq(bench->said, "AUTH ann s p\nPING\nSELECT 3\nCLIENT SETNAME bull:cQ==\n"
                                  "CLIENT ID\n");
    ck_assert_int_eq(redis_link_client_id(bench->link), 77);
    bench_free(bench);
}
END_TEST

/* Name and id are a convenience, and so is the answer to PING for a user without that right. */
START_TEST(test_tolerated_refusals)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"CLIENT", "-NOPERM no\r\n", 0};
    bench->rules[1] = (struct rule){"PING", "-NOPERM no\r\n", 0};
    bench_open(bench, "x", 0);
    WAIT(bench, bench->ups == 1);
    ck_assert_int_eq(redis_link_client_id(bench->link), 0);
    ck_assert_int_eq(bench->downs, 0);
    bench_free(bench);
}
END_TEST

static const struct {
    const char *begins, *answer;
    enum ct_code code;
} refusals[] = {
    {"AUTH", "-WRONGPASS invalid\r\n", CT_E_REDIS_AUTH},
    {"PING", "-LOADING Redis is loading\r\n", CT_E_REDIS_LOADING},
    {"PING", "-MASTERDOWN Link\r\n", CT_E_REDIS_LOADING},
    {"SELECT", "-ERR DB index is out of range\r\n", CT_E_INVALID},
    {"PING", "", CT_E_REDIS_DOWN},
    {"PING", "nonsense\r\n", CT_E_REDIS_DOWN},
};

/* A refusal ends the try with its reason; the next try works. */
START_TEST(test_refused_then_up)
{
    struct bench *bench = bench_new();

    bench->url.password = "p";
    bench->url.db = 1;
    bench->rules[0] = (struct rule){refusals[_i].begins, refusals[_i].answer, 1};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->downs == 1);
    ck_assert_int_eq(bench->why.code, refusals[_i].code);
    ck_assert_int_eq(bench->ups, 0);
    WAIT(bench, bench->ups == 1);
    ck_assert_int_eq(bench->downs, 1);
    bench_free(bench);
}
END_TEST

START_TEST(test_calls_while_down)
{
    struct bench *bench = bench_new();

    bench_open(bench, NULL, 0);
    call(bench, NULL, "GET", "x");
    ck_assert_int_eq(bench->errors, 0); /* never from inside */
    WAIT(bench, bench->errors == 1);
    ck_assert_int_eq(bench->last.code, CT_E_REDIS_DOWN);
    bench_free(bench);
}
END_TEST

START_TEST(test_answers_in_order)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"GET a", "+a\r\n", 0};
    bench->rules[1] = (struct rule){"GET b", "-WRONGTYPE x\r\n", 0};
    bench->rules[2] = (struct rule){"GET c", "+c\r\n", 0};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    call(bench, NULL, "GET", "a");
    call(bench, NULL, "GET", "b");
    call(bench, NULL, "GET", "c");
    WAIT(bench, bench->answers + bench->errors == 3);
    ck_assert_str_eq(bench->order, "a c ");
    ck_assert_int_eq(bench->last.code, CT_E_REDIS_TYPE);
    bench_free(bench);
}
END_TEST

static const struct redis_script script = {.name = "s",
                                           .source = "return 1",
                                           .source_len = 8,
                                           .sha = "0123456789012345678901234567890123456789"};

START_TEST(test_script_is_sent_again)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"EVALSHA", "-NOSCRIPT No\r\n", 1};
    bench->rules[1] = (struct rule){"EVALSHA", "+sha\r\n", 0};
    bench->rules[2] = (struct rule){"EVAL return 1 1 k", "+source\r\n", 0};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    call(bench, &script, "1", "k");
    WAIT(bench, bench->answers == 1);
    call(bench, &script, "1", "k");
    WAIT(bench, bench->answers == 2);
    ck_assert_str_eq(bench->order, "source sha ");
    ck_assert_int_eq(bench->errors, 0);
    ck_assert_ptr_nonnull(
        strstr(bench->said, "EVALSHA 0123456789012345678901234567890123456789 1 k\n"));
    bench_free(bench);
}
END_TEST

/* NOSCRIPT for the source as well: told, not asked for ever. */
START_TEST(test_script_unknown_for_good)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"EVAL", "-NOSCRIPT No\r\n", 0};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    call(bench, &script, "0", NULL);
    WAIT(bench, bench->errors == 1);
    ck_assert_int_eq(bench->last.code, CT_E_REDIS_SCRIPT);
    bench_free(bench);
}
END_TEST

/* Frames that do not fit the socket's buffer, several at once. */
START_TEST(test_large_commands)
{
    enum { BYTES = 3000000, CALLS = 5 };
    struct bench *bench = bench_new();
    char *bytes = calloc(1, BYTES);

    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    for (int i = 0; i < CALLS; i++) {
        struct redis_command command;
        redis_command_init(&command, NULL);
        redis_command_text(&command, "SET");
        redis_command_str(&command, (struct ct_str){bytes, BYTES});
        redis_link_call(bench->link, &command, on_answer, bench);
        redis_command_fini(&command);
    }
    WAIT(bench, bench->answers == CALLS);
    free(bytes);
    bench_free(bench);
}
END_TEST

START_TEST(test_lost_with_calls)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"GET a", NULL, 0};
    bench->rules[1] = (struct rule){"GET b", "", 1};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    call(bench, NULL, "GET", "a");
    call(bench, NULL, "GET", "b");
    WAIT(bench, bench->errors == 2);
    ck_assert_int_eq(bench->downs, 1);
    ck_assert_int_eq(bench->last.code, CT_E_REDIS_DOWN);
    WAIT(bench, bench->ups == 2);
    bench_free(bench);
}
END_TEST

START_TEST(test_late_reply)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"GET a", NULL, 1};
    bench_open(bench, NULL, 50);
    WAIT(bench, bench->ups == 1);
    call(bench, NULL, "GET", "a");
    WAIT(bench, bench->errors == 1);
    ck_assert_ptr_nonnull(strstr(bench->last.detail, "no answer"));
    WAIT(bench, bench->ups == 2);
    call(bench, NULL, "GET", "a");
    WAIT(bench, bench->answers == 1);
    bench_free(bench);
}
END_TEST

/* A write to a replica is answered as such, and the link looks for the master again. */
START_TEST(test_read_only)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"SET", "-READONLY You can't write\r\n", 1};
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->ups == 1);
    call(bench, NULL, "SET", "a");
    WAIT(bench, bench->errors == 1);
    ck_assert_int_eq(bench->last.code, CT_E_REDIS_READONLY);
    WAIT(bench, bench->ups == 2);
    ck_assert_int_eq(bench->accepts, 2);
    bench_free(bench);
}
END_TEST

START_TEST(test_messages)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"SUBSCRIBE no", "-NOPERM no\r\n", 0};
    bench->rules[1] = (struct rule){
        "SUBSCRIBE",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n",
        0};
    bench->rules[2] =
        (struct rule){"UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", 0};
    bench_open(bench, NULL, 0);
    redis_link_subscribe(bench->link, "a");
    WAIT(bench, bench->messages == 1);
    ck_assert_int_eq(bench->heard, 1);
    ck_assert_str_eq(bench->message, "1 a hi");
    redis_link_subscribe(bench->link, "no");
    WAIT(bench, bench->refusals == 1);
    redis_link_unsubscribe(bench->link, "no");
    peer_close(bench->peer); /* kept over a reconnect */
    WAIT(bench, bench->messages == 2);
    ck_assert_int_eq(bench->heard, 2);
    redis_link_unsubscribe(bench->link, "a");
    bench_write(bench->peer, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nend\r\n");
    WAIT(bench, bench->messages == 3);
    ck_assert_int_eq(bench->downs, 1);
    bench_free(bench);
}
END_TEST

/* What comes by a pattern has the pattern in front of its channel. */
START_TEST(test_patterns)
{
    struct bench *bench = bench_new();

    bench->rules[0] = (struct rule){"PSUBSCRIBE",
                                    "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:1\r\n"
                                    "*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$3\r\nabc\r\n$2\r\nhi\r\n",
                                    0};
    bench_open(bench, NULL, 0);
    redis_link_subscribe_pattern(bench->link, "a*");
    WAIT(bench, bench->messages == 1);
    ck_assert_int_eq(bench->heard, 1);
    ck_assert_str_eq(bench->message, "1 abc hi");
    peer_close(bench->peer);
    WAIT(bench, bench->messages == 2);
    bench_free(bench);
}
END_TEST

/* Closed while it waits, connects, greets, is up with calls: each call is answered once. */
START_TEST(test_close_in_every_state)
{
    struct bench *bench = bench_new();
    int calls = 0;

    bench->rules[0] = (struct rule){"GET", NULL, 0};
    if (_i == 2)
        bench->rules[1] = (struct rule){"PING", NULL, 0};
    bench_open(bench, NULL, 0);
    if (_i == 1)
        uv_run(&bench->loop, UV_RUN_NOWAIT);
    if (_i == 2)
        WAIT(bench, bench->accepts == 1);
    if (_i == 3)
        WAIT(bench, bench->ups == 1);
    for (; calls < 3; calls++)
        call(bench, NULL, "GET", "x");
    redis_link_close(bench->link, on_closed, bench);
    ck_assert_int_eq(bench->errors, 0);
    WAIT(bench, bench->closes == 1);
    bench->link = NULL;
    ck_assert_int_eq(bench->errors, calls);
    ck_assert_int_eq(bench->last.code, CT_E_CLOSED);
    bench_free(bench);
}
END_TEST

START_TEST(test_nobody_there)
{
    struct bench *bench = bench_new();
    char path[128];

    snprintf(path, sizeof path, "%s/none", bench->dir);
    bench->url.path = path;
    bench_open(bench, NULL, 0);
    WAIT(bench, bench->downs == 3);
    ck_assert_int_eq(bench->why.code, CT_E_REDIS_DOWN);
    ck_assert_ptr_nonnull(strstr(bench->why.detail, path));
    bench_free(bench);
}
END_TEST

START_TEST(test_call_and_wait)
{
    struct bench *bench = bench_new();
    struct redis_command command;
    struct redis_reply *reply;
    struct ct_error err;

    bench->rules[0] = (struct rule){"PING", "-LOADING wait\r\n", 1};
    bench->rules[1] = (struct rule){"GET a", "+a\r\n", 0};
    bench->rules[2] = (struct rule){"GET late", NULL, 0};
    bench_open(bench, NULL, 0);
    redis_command_init(&command, NULL);
    redis_command_text(&command, "GET");
    redis_command_text(&command, "a");
    ck_assert_int_eq(redis_link_call_wait(bench->link, &command, DEADLINE_MS, &reply, &err),
                     CT_E_OK);
    ck_assert(ct_str_is(redis_reply_str(reply), "a"));
    redis_reply_free(reply);
    redis_command_text(&command, "GET");
    redis_command_text(&command, "late");
    ck_assert_int_eq(redis_link_call_wait(bench->link, &command, 20, NULL, &err), CT_E_TIMEOUT);
    redis_command_fini(&command);
    bench_free(bench);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_handshake);
    tcase_add_test(tcase, test_tolerated_refusals);
    tcase_add_loop_test(tcase, test_refused_then_up, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(tcase, test_calls_while_down);
    tcase_add_test(tcase, test_answers_in_order);
    tcase_add_test(tcase, test_script_is_sent_again);
    tcase_add_test(tcase, test_script_unknown_for_good);
    tcase_add_test(tcase, test_large_commands);
    tcase_add_test(tcase, test_lost_with_calls);
    tcase_add_test(tcase, test_late_reply);
    tcase_add_test(tcase, test_read_only);
    tcase_add_test(tcase, test_messages);
    tcase_add_test(tcase, test_patterns);
    tcase_add_loop_test(tcase, test_close_in_every_state, 0, 4);
    tcase_add_test(tcase, test_nobody_there);
    tcase_add_test(tcase, test_call_and_wait);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    return unit_run("link", add_tests);
}
