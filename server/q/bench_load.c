/* See the header. Happy path: calls go out while there is room and, with a rate, while jobs are
 * due; an answer makes room. A call that fails ends it all, once those under way have come in. */
#include "q/bench_load.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "q/progress.h"

#define LOOK_MS 100 /* a signal is seen so soon */

/* One run: what is shared by its calls. */
struct sender {
    struct bench_load *load;
    struct dialect_queue *queue;
    struct queue_settings settings;
    struct ct_buf data;
    size_t pending;
    int64_t sent;
    bool has_news; /* an answer came */
    struct progress progress;
    struct ct_error err;
};

struct call {
    struct sender *sender;
    int64_t begun_us;
    struct ct_list adds;
    size_t count;
    struct job_add items[];
};

static int64_t now_us(void)
{
    return (int64_t)(uv_hrtime() / 1000);
}

static void fail(struct sender *sender, const struct ct_error *why)
{
    if (sender->err.code == CT_E_OK)
        sender->err = *why;
}

static void take_answer(struct call *call, const struct redis_reply *reply)
{
    struct sender *sender = call->sender;
    struct bench_load *load = sender->load;
    struct ct_error err = {.code = CT_E_OK};

    load->call_us[load->call_count++] = now_us() - call->begun_us;
    load->ended_us = now_us();
    if (load->session->dialect->parse_add(sender->queue, &call->adds, reply, &err) != CT_E_OK) {
        fail(sender, &err);
        return;
    }
    for (size_t i = 0; i < call->count; i++) {
        if (call->items[i].err.code != CT_E_OK)
            fail(sender, &call->items[i].err);
        else
            load->added++;
    }
}

static void on_answer(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct call *call = arg;
    struct sender *sender = call->sender;

    if (reply)
        take_answer(call, reply);
    else
        fail(sender, err);
    for (size_t i = 0; i < call->count; i++) {
        ct_list_remove(&call->items[i].link);
        job_add_fini(&call->items[i]);
    }
    free(call);
    sender->pending--;
    sender->has_news = true;
}

static void send_call(struct sender *sender, size_t count)
{
    struct session *session = sender->load->session;
    struct call *call = ct_zalloc(sizeof *call + count * sizeof call->items[0]);
    struct redis_command command;

    call->sender = sender;
    call->count = count;
    ct_list_init(&call->adds);
    for (size_t i = 0; i < count; i++) {
        struct job_add *add = &call->items[i];

        *add = (struct job_add){.name = CT_STR_LIT(BENCH_NAME), .data = ct_buf_str(&sender->data)};
        ct_list_init(&add->link);
        ct_list_push_back(&call->adds, &add->link);
    }
    redis_command_init(&command, NULL);
    session->dialect->build_add(sender->queue, &call->adds, ct_wall_ms(&ct_clock_system),
                                &ct_random_system, &command);
    sender->sent += (int64_t)count;
    sender->pending++;
    call->begun_us = now_us();
    redis_link_call(session->link, &command, on_answer, call);
    redis_command_fini(&command);
}

/* Jobs that may have been sent by now. */
static int64_t due(const struct bench_load *load)
{
    if (load->rate == 0)
        return load->count;
    int64_t by_now = (int64_t)((double)(now_us() - load->begun_us) * (double)load->rate / 1e6) + 1;
    return by_now < load->count ? by_now : load->count;
}

static void send_what_may_go(struct sender *sender)
{
    struct bench_load *load = sender->load;

    while (sender->err.code == CT_E_OK && (int64_t)sender->pending < load->calls_max) {
        int64_t room = due(load) - sender->sent;

        if (room <= 0)
            return;
        send_call(sender, (size_t)(room < load->batch ? room : load->batch));
    }
}

/* Until an answer comes, the next job is due, or a signal is to be looked for. */
static void rest(struct sender *sender)
{
    struct bench_load *load = sender->load;
    int64_t rest_ms = LOOK_MS;

    if (load->rate > 0 && sender->sent < load->count) {
        double next_us = (double)sender->sent * 1e6 / (double)load->rate;
        int64_t until_ms = (int64_t)((next_us - (double)(now_us() - load->begun_us)) / 1000) + 1;

        rest_ms = until_ms < 1 ? 1 : until_ms < rest_ms ? until_ms : rest_ms;
    }
    sender->has_news = false;
    session_sleep(load->session, rest_ms, &sender->has_news);
    progress_show(&sender->progress, load->added);
}

static void fill_data(struct sender *sender)
{
    static const char head[] = "{\"pad\":\"", tail[] = "\"}";
    int64_t pad = sender->load->size - (int64_t)(sizeof head + sizeof tail - 2);

    ct_buf_append(&sender->data, head, sizeof head - 1);
    for (int64_t i = 0; i < pad; i++)
        ct_buf_append_char(&sender->data, (char)('a' + i % 26));
    ct_buf_append(&sender->data, tail, sizeof tail - 1);
}

static enum ct_code run(struct sender *sender, struct ct_error *err)
{
    struct bench_load *load = sender->load;
    enum ct_code rc = CT_E_OK;

    load->call_us = ct_alloc((size_t)load->count * sizeof *load->call_us);
    load->begun_us = load->ended_us = now_us();
    while (rc == CT_E_OK && sender->err.code == CT_E_OK &&
           (sender->sent < load->count || sender->pending > 0)) {
        send_what_may_go(sender);
        rest(sender);
        rc = progress_check(err);
        if (rc == CT_E_OK && load->worker)
            rc = worker_child_check(load->worker, err);
    }
    session_wait(load->session, &sender->pending);
    progress_end(&sender->progress);
    if (rc == CT_E_OK && sender->err.code != CT_E_OK) {
        *err = sender->err;
        rc = err->code;
    }
    return rc;
}

enum ct_code bench_load_run(struct bench_load *load, struct ct_error *err)
{
    struct queue_name name = {load->session->settings->prefix, load->queue};
    struct sender sender = {.load = load, .progress = {.deed = "added", .total = load->count}};
    enum ct_code rc;

    queue_settings_init(&sender.settings);
    rc = load->session->dialect->open(&name, &sender.settings, &sender.queue, err);
    if (rc == CT_E_OK) {
        ct_buf_init(&sender.data);
        fill_data(&sender);
        rc = run(&sender, err);
        ct_buf_free(&sender.data);
        load->session->dialect->close(sender.queue);
    }
    queue_settings_fini(&sender.settings);
    return rc;
}

void bench_load_fini(struct bench_load *load)
{
    free(load->call_us);
    load->call_us = NULL;
}
