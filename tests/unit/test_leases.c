/* worker/leases with its threads, outbox and host: a job's way through a runner. The daemon is this
 * file: it stands in for proto_client_send and says what a daemon would say. The plugin does what
 * the job's name tells it. No network; every wait is for a condition, with a deadline. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/runner/leases.h"

#undef fail /* of Check; the host has a function of that name */

#define DEADLINE_MS 10000
#define SENT_MAX    4000
#define STREAM_JOBS 1500

/* --- what the runner sent ------------------------------------------------------------------------
 */

struct sent {
    enum proto_type type;
    uint64_t lease, number; /* number: sub's window, how of released, request of add; 1: for good */
    char text[300];         /* value, reason, line, id */
    char more[300];         /* stack, data */
};

static struct sent sent[SENT_MAX];
static size_t sent_count;
static size_t frame_max;
static char big_client; /* what the leases believe to be a client */

static void copy(char *out, struct ct_str text)
{
    snprintf(out, sizeof sent[0].text, "%.*s", (int)text.len, text.data ? text.data : "");
}

enum ct_code proto_client_send(struct proto_client *client, const struct proto_message *message,
                               struct ct_error *err)
{
    struct sent *out = &sent[sent_count];

    ck_assert_ptr_eq(client, &big_client);
    if (message->type == PROTO_COMPLETED && frame_max &&
        message->as.completed.value.len > frame_max)
        return ct_error_set(err, CT_E_TOO_LARGE, "too large");
    ck_assert_uint_lt(sent_count, SENT_MAX);
    memset(out, 0, sizeof *out);
    out->type = message->type;
    switch (message->type) {
    case PROTO_COMPLETED:
        out->lease = message->as.completed.lease;
        copy(out->text, message->as.completed.value);
        break;
    case PROTO_FAILED:
        out->lease = message->as.failed.lease;
        copy(out->text, message->as.failed.reason);
        copy(out->more, message->as.failed.stack);
        out->number = message->as.failed.has_unrecoverable && message->as.failed.unrecoverable;
        break;
    case PROTO_RELEASED:
        out->lease = message->as.released.lease;
        out->number = message->as.released.how;
        snprintf(out->text, sizeof out->text, "%d", (int)message->as.released.duration_ms);
        break;
    case PROTO_CHILDREN:
        out->lease = message->as.children.lease;
        out->number = message->as.children.which;
        copy(out->text, message->as.children.has_key ? message->as.children.key : CT_STR_NONE);
        snprintf(out->more, sizeof out->more, "%d", (int)message->as.children.cursor);
        break;
    case PROTO_PROGRESS:
        out->lease = message->as.progress.lease;
        copy(out->text, message->as.progress.value);
        break;
    case PROTO_LOG:
        out->lease = message->as.log.lease;
        copy(out->text, message->as.log.line);
        break;
    case PROTO_WINDOW:
        out->number = message->as.window.count;
        break;
    case PROTO_RESUME:
        copy(out->text, message->as.resume.id);
        copy(out->more, message->as.resume.token);
        break;
    case PROTO_ADD:
        out->number = message->as.add.request;
        copy(out->text, message->as.add.queue);
        copy(out->more, message->as.add.data);
        break;
    default:
        break;
    }
    sent_count++;
    return CT_E_OK;
}

/* The n-th message of a type, n from 0; NULL when there are fewer. */
static const struct sent *find(enum proto_type type, size_t n)
{
    for (size_t i = 0; i < sent_count; i++)
        if (sent[i].type == type && n-- == 0)
            return &sent[i];
    return NULL;
}

static size_t count(enum proto_type type)
{
    size_t found = 0;

    while (find(type, found))
        found++;
    return found;
}

/* --- the plugin ----------------------------------------------------------------------------------
 */

static const struct cartrita_host *const host = &host_table;
static atomic_int held_open;   /* "hold" waits for it, or for being cancelled */
static atomic_int running;     /* runs that have begun */
static atomic_int ended;       /* runs that are over */
static atomic_int cancels;     /* calls of plugin->cancel */
static atomic_int largest_run; /* jobs in one run */
static struct cartrita_job *kept;
static char finished_text[200];
static char enqueued_text[200];
static char children_text[300], looked_text[200];

static void enqueued(void *ctx, const char *id, const char *error)
{
    snprintf(enqueued_text, sizeof enqueued_text, "%s|%s", id ? id : "-", error ? error : "-");
}

static int32_t each_child(void *ctx, const char *key, const char *value, size_t len)
{
    size_t at = strlen(children_text);

    if (value)
        ck_assert_uint_eq(strlen(value), len);
    snprintf(children_text + at, sizeof children_text - at, "%s=%s;", key, value ? value : "-");
    return *(const int *)ctx;
}

static void plugin_asks(struct cartrita_job *job, int only_one)
{
    char error[100] = "";

    if (host->children(job, CARTRITA_CHILDREN_PROCESSED, each_child, &only_one, error,
                       sizeof error) != 0)
        snprintf(children_text, sizeof children_text, "error: %s", error);
    ck_assert_int_eq(host->children(job, 9, each_child, &only_one, NULL, 0), -1);
    host->complete(job, NULL, 0);
}

static void plugin_job(struct cartrita_job *job)
{
    const char *name = host->job_name(job);
    size_t len;
    const char *data = host->job_data(job, &len);

    if (strcmp(name, "echo") == 0) {
        host->complete(job, data, len);
    } else if (strcmp(name, "talk") == 0) {
        host->progress(job, "{\"at\":1}", 8);
        host->log(job, "half way", 8);
        ck_assert_int_eq(host->progress(job, "{oops", 5), -1);
        host->complete(job, NULL, 0);
    } else if (strcmp(name, "fail") == 0) {
        struct cartrita_failure failure = CARTRITA_FAILURE;

        failure.reason = "boom";
        failure.name = "TypeError";
        failure.stack = "    at here";
        host->fail(job, &failure);
    } else if (strcmp(name, "hold") == 0 || strcmp(name, "deaf") == 0) {
        while (!atomic_load(&held_open) && (name[0] == 'd' || !host->is_cancelled(job)))
            usleep(500);
        host->log(job, "leaving", 7);
        host->complete(job, "1", 1);
    } else if (strcmp(name, "told") == 0) { /* as exec: it does not poll */
        while (!atomic_load(&held_open) && atomic_load(&cancels) == 0)
            usleep(500);
        host->complete(job, "1", 1);
    } else if (strcmp(name, "twice") == 0) {
        host->complete(job, "1", 1);
        host->complete(job, "2", 1);
        host->fail(job, NULL);
        host->release(job);
        ck_assert_int_eq(host->progress(job, "1", 1), -1);
        ck_assert_int_eq(host->extend(job, 1000), -1);
    } else if (strcmp(name, "badjson") == 0) {
        host->complete(job, "{\"a\":", 5);
    } else if (strcmp(name, "keep") == 0) {
        kept = job;
        host->complete(job, "1", 1);
    } else if (strcmp(name, "spawn") == 0) {
        host->enqueue(job, "next", "n", "{\"x\":1}", NULL, enqueued, NULL);
        host->complete(job, NULL, 0);
    } else if (strcmp(name, "badspawn") == 0) {
        host->enqueue(job, "next", "n", "{x", NULL, enqueued, NULL);
        host->complete(job, NULL, 0);
    } else if (strcmp(name, "delay") == 0) {
        host->delay(job, 5000);
    } else if (strcmp(name, "wait") == 0) {
        host->wait(job);
    } else if (strcmp(name, "await") == 0) {
        host->wait_for_children(job);
    } else if (strcmp(name, "parent") == 0) {
        host->enqueue(job, "parts", "n", "{}", NULL, NULL, NULL);
        host->enqueue(job, "parts", "n", "{}", NULL, NULL, NULL);
        host->wait_for_children(job);
    } else if (strcmp(name, "late") == 0) {
        while (!atomic_load(&held_open))
            usleep(500);
        plugin_asks(job, 0);
    } else if (strncmp(name, "ask", 3) == 0) {
        plugin_asks(job, name[3] == '1');
    } else if (strcmp(name, "look") == 0) {
        snprintf(looked_text, sizeof looked_text, "%s %s %s", host->job_queue_key(job),
                 host->telemetry(job) ? host->telemetry(job) : "-",
                 host->job_parent(job) ? host->job_parent(job) : "-");
        host->complete(job, NULL, 0);
    } /* "noend": nothing */
}

static void plugin_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    atomic_fetch_add(&running, 1);
    if ((int)job_count > atomic_load(&largest_run))
        atomic_store(&largest_run, (int)job_count);
    for (size_t i = 0; i < job_count; i++)
        plugin_job(jobs[i]);
    atomic_fetch_add(&ended, 1);
}

static void plugin_finished(void *self, const char *queue, const char *id, const char *state,
                            const char *error)
{
    snprintf(finished_text, sizeof finished_text, "%s/%s %s %s", queue, id, state,
             error ? error : "-");
}

static void plugin_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    atomic_fetch_add(&cancels, 1);
}

static struct cartrita_plugin plugin;

/* --- the bench -----------------------------------------------------------------------------------
 */

static uv_loop_t loop;
static uv_timer_t deadline;
static struct outbox outbox;
static struct recorder *recorder;
static int recorder_fd;
static struct threads *threads;
static struct leases leases;
static unsigned stuck, drained;
static uint64_t next_lease;

static void on_notes(void *ctx, struct note *notes)
{
    leases_notes(&leases, notes);
}

static void on_stuck(void *ctx)
{
    stuck++;
}

static void on_drained(void *ctx)
{
    drained++;
}

static void up(void)
{
    static const struct proto_welcome welcome = {.protocol = 1, .frame_max = 1000};
    struct proto_message attached = {.type = PROTO_ATTACHED};

    leases_up(&leases, (struct proto_client *)&big_client, &welcome);
    leases_message(&leases, &attached);
    leases_settle(&leases);
}

static void begin_with(uint32_t concurrency, uint32_t batch_max, uint32_t batch_wait_ms)
{
    static const char *const queues[] = {"mail"};
    static const struct job_limits limits = {.timeout_ms = 60000};
    struct threads_options options = {
        .plugin = &plugin, .outbox = &outbox, .concurrency = concurrency};
    struct leases_options with = {.loop = &loop,
                                  .plugin = &plugin,
                                  .queues = queues,
                                  .queue_count = 1,
                                  .limits = &limits,
                                  .limit_count = 1,
                                  .cancel_grace_ms = 100,
                                  .on_stuck = on_stuck,
                                  .on_drained = on_drained};

    plugin = (struct cartrita_plugin){.name = "test",
                                      .version = "1",
                                      .run = plugin_run,
                                      .batch_max = batch_max,
                                      .batch_wait_ms = batch_wait_ms,
                                      .finished = plugin_finished,
                                      .cancel = plugin_cancel};
    uv_loop_init(&loop);
    uv_timer_init(&loop, &deadline);
    recorder_fd = recorder_create();
    ck_assert(recorder_open(recorder_fd, concurrency * (batch_max ? batch_max : 1), &recorder,
                            NULL) == CT_E_OK);
    ck_assert_int_eq(outbox_open(&outbox, &loop, on_notes, NULL), 0);
    options.recorder = recorder;
    threads = threads_new(&options);
    with.threads = threads;
    leases_open(&leases, &with);
    up();
}

static void begin(void)
{
    begin_with(1, 0, 0);
}

static void end(void)
{
    atomic_store(&held_open, 1);
    threads_stop(threads);
    outbox_drain(&outbox);
    leases_close(&leases);
    outbox_close(&outbox);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    threads_free(threads);
    recorder_close(recorder);
    close(recorder_fd);
    job_graves_free();
}

static void nothing(uv_timer_t *timer)
{
}

/* Turns of the loop until `condition` holds. The timer repeats: libuv may run it before it polls.
 */
#define until(condition)                                                             \
    do {                                                                             \
        uint64_t end_ms = job_now_ms() + DEADLINE_MS;                                \
        while (!(condition)) {                                                       \
            ck_assert_msg(job_now_ms() < end_ms, "waited too long for " #condition); \
            uv_timer_start(&deadline, nothing, 5, 5);                                \
            uv_run(&loop, UV_RUN_ONCE);                                              \
        }                                                                            \
    } while (0)

static uint64_t give_unsettled(const char *id, const char *name, uint64_t timeout_ms)
{
    struct proto_message message = {.type = PROTO_JOB};
    struct proto_job *job = &message.as.job;

    job->lease = ++next_lease;
    job->id = ct_str_of(id);
    job->name = ct_str_of(name);
    job->data = CT_STR_LIT("{\"a\":1}");
    job->opts = CT_STR_LIT("{}");
    job->token = CT_STR_LIT("tok");
    job->has_timeout_ms = timeout_ms > 0;
    job->timeout_ms = timeout_ms;
    leases_message(&leases, &message);
    return job->lease;
}

static uint64_t give(const char *id, const char *name, uint64_t timeout_ms)
{
    const uint64_t lease = give_unsettled(id, name, timeout_ms);

    leases_settle(&leases);
    return lease;
}

static void added(size_t n, const char *id)
{
    struct proto_message message = {.type = PROTO_ADDED};

    message.as.added.request = find(PROTO_ADD, n)->number;
    message.as.added.code = id ? CT_E_OK : CT_E_INVALID;
    message.as.added.has_id = id != NULL;
    message.as.added.id = ct_str_of(id);
    leases_message(&leases, &message);
    leases_settle(&leases);
}

/* To the n-th question, which has that number. */
static void tell_child(uint64_t request, const char *key, const char *value, bool is_cut)
{
    struct proto_message message = {.type = PROTO_CHILD};

    message.as.child.request = request;
    message.as.child.key = ct_str_of(key);
    message.as.child.has_value = value != NULL;
    message.as.child.value = ct_str_of(value);
    message.as.child.has_cut = message.as.child.cut = is_cut;
    leases_message(&leases, &message);
}

static void tell_children_end(uint64_t request, uint64_t cursor, const char *error)
{
    struct proto_message message = {.type = PROTO_CHILDREN_END};

    message.as.children_end.request = request;
    message.as.children_end.code = error ? CT_E_UNSUPPORTED : CT_E_OK;
    message.as.children_end.has_cursor = cursor != 0;
    message.as.children_end.cursor = cursor;
    message.as.children_end.has_detail = error != NULL;
    message.as.children_end.detail = ct_str_of(error);
    leases_message(&leases, &message);
}

static void ack(uint64_t lease, enum ct_code code, enum proto_state state)
{
    struct proto_message message = {.type = PROTO_ACK};

    message.as.ack.lease = lease;
    message.as.ack.code = code;
    message.as.ack.has_state = true;
    message.as.ack.state = state;
    leases_message(&leases, &message);
    leases_settle(&leases);
}

static void resumed(const char *id, enum ct_code code, uint64_t lease)
{
    struct proto_message message = {.type = PROTO_RESUMED};

    message.as.resumed.id = ct_str_of(id);
    message.as.resumed.token = CT_STR_LIT("tok");
    message.as.resumed.code = code;
    message.as.resumed.has_lease = lease != 0;
    message.as.resumed.lease = lease;
    leases_message(&leases, &message);
    leases_settle(&leases);
}

static void down(void)
{
    leases_down(&leases);
    leases_settle(&leases);
}

static size_t recorded(void)
{
    struct recorder_job *jobs;
    size_t found;

    ck_assert(recorder_read(recorder_fd, &jobs, &found, NULL) == CT_E_OK);
    free(jobs);
    return found;
}

/* --- the tests -----------------------------------------------------------------------------------
 */

START_TEST(test_one_job)
{
    uint64_t lease;

    begin();
    ck_assert_uint_eq(find(PROTO_WINDOW, 0)->number, 1);
    lease = give("81", "echo", 0);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert_uint_eq(find(PROTO_COMPLETED, 0)->lease, lease);
    ck_assert_str_eq(find(PROTO_COMPLETED, 0)->text, "{\"a\":1}");
    ck_assert_uint_eq(leases_held_count(&leases), 1); /* until Redis has it */
    ack(lease, CT_E_OK, PROTO_STATE_COMPLETED);
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    ck_assert_str_eq(finished_text, "mail/81 completed -");
    ack(lease, CT_E_OK, PROTO_STATE_COMPLETED); /* a second answer changes nothing */
    end();
}
END_TEST

START_TEST(test_progress_and_log_come_before_the_end)
{
    begin();
    give("1", "talk", 0);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert(find(PROTO_PROGRESS, 0) < find(PROTO_LOG, 0));
    ck_assert(find(PROTO_LOG, 0) < find(PROTO_COMPLETED, 0));
    ck_assert_str_eq(find(PROTO_LOG, 0)->text, "half way");
    ck_assert_uint_eq(count(PROTO_PROGRESS), 1);
    end();
}
END_TEST

START_TEST(test_failure_carries_its_stack)
{
    begin();
    give("1", "fail", 0);
    until(count(PROTO_FAILED) == 1);
    ck_assert_str_eq(find(PROTO_FAILED, 0)->text, "boom");
    ck_assert_str_eq(find(PROTO_FAILED, 0)->more, "TypeError: boom\n    at here");
    end();
}
END_TEST

/* What a plugin does wrong, and what becomes of the job. */
START_TEST(test_misuse)
{
    begin();
    give("1", "noend", 0);
    until(count(PROTO_FAILED) == 1);
    ck_assert_str_eq(find(PROTO_FAILED, 0)->text, "plugin test returned without ending job");
    ack(next_lease, CT_E_OK, PROTO_STATE_FAILED);
    give("2", "badjson", 0);
    until(count(PROTO_FAILED) == 2);
    ck_assert_ptr_nonnull(strstr(find(PROTO_FAILED, 1)->text, "result that is not JSON"));
    ack(next_lease, CT_E_OK, PROTO_STATE_FAILED);
    give("3", "twice", 0);
    until(count(PROTO_COMPLETED) == 1);
    until(atomic_load(&ended) == 3);
    ck_assert_str_eq(find(PROTO_COMPLETED, 0)->text, "1");
    ck_assert_uint_eq(count(PROTO_FAILED), 2);
    ck_assert_uint_eq(count(PROTO_RELEASED), 0);
    ack(next_lease, CT_E_OK, PROTO_STATE_COMPLETED);
    end();
}
END_TEST

/* A job pointer kept beyond the job's life is answered, not followed. */
START_TEST(test_use_after_end)
{
    begin();
    give("1", "keep", 0);
    until(count(PROTO_COMPLETED) == 1 && atomic_load(&ended) == 1);
    ack(next_lease, CT_E_OK, PROTO_STATE_COMPLETED);
    until(recorded() == 0);
    ck_assert_str_eq(host->job_id(kept), "");
    ck_assert(host->is_cancelled(kept));
    host->complete(kept, "1", 1);
    host->log(kept, "x", 1);
    ck_assert_int_eq(host->progress(kept, "1", 1), -1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 1);
    end();
}
END_TEST

/* The connection is lost between the outcome and its ack: named by id and token, said again under
 * the new lease, acknowledged once. */
START_TEST(test_result_survives_a_lost_connection)
{
    uint64_t lease;

    begin();
    give("81", "echo", 0);
    until(count(PROTO_COMPLETED) == 1);
    down();
    ck_assert_uint_eq(leases_held_count(&leases), 1);
    sent_count = 0;
    up();
    ck_assert_uint_eq(count(PROTO_ATTACH), 1);
    ck_assert_uint_eq(count(PROTO_RESUME), 1);
    ck_assert_str_eq(find(PROTO_RESUME, 0)->text, "81");
    ck_assert_str_eq(find(PROTO_RESUME, 0)->more, "tok");
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0); /* it has no lease yet */
    lease = ++next_lease;
    resumed("81", CT_E_OK, lease);
    ck_assert_uint_eq(find(PROTO_COMPLETED, 0)->lease, lease);
    ack(lease, CT_E_OK, PROTO_STATE_COMPLETED);
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    end();
}
END_TEST

START_TEST(test_job_lost_while_away)
{
    begin();
    give("81", "echo", 0);
    until(count(PROTO_COMPLETED) == 1);
    down();
    up();
    resumed("81", CT_E_LOCK_LOST, 0);
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    ck_assert_ptr_nonnull(strstr(finished_text, "mail/81 lost"));
    end();
}
END_TEST

/* The resume is answered between a job's end on its thread and the loop's knowledge of it. */
START_TEST(test_end_that_crosses_a_resume_is_said_once)
{
    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    down();
    atomic_store(&held_open, 1);
    while (atomic_load(&ended) == 0)
        usleep(500); /* the loop stands still */
    sent_count = 0;
    up();
    resumed("1", _i ? CT_E_LOCK_LOST : CT_E_OK, _i ? 0 : 101);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0);
    ck_assert_uint_eq(leases_held_count(&leases), 1);
    outbox_drain(&outbox);
    ck_assert_uint_eq(count(PROTO_COMPLETED), _i ? 0 : 1);
    ck_assert_uint_eq(leases_held_count(&leases), _i ? 0 : 1);
    end();
}
END_TEST

/* A running job goes on while the daemon is away; its log waits; it is told when the job is lost.
 */
START_TEST(test_running_job_across_an_outage)
{
    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    down();
    atomic_store(&held_open, 1);
    until(atomic_load(&ended) == 1);
    outbox_drain(&outbox);
    sent_count = 0;
    up();
    ck_assert_uint_eq(count(PROTO_LOG), 0);
    resumed("1", CT_E_OK, 77);
    ck_assert_str_eq(find(PROTO_LOG, 0)->text, "leaving");
    ck_assert_uint_eq(find(PROTO_LOG, 0)->lease, 77);
    ck_assert(find(PROTO_LOG, 0) < find(PROTO_COMPLETED, 0));
    end();
}
END_TEST

START_TEST(test_running_job_is_told_of_its_loss)
{
    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    down();
    up();
    resumed("1", CT_E_LOCK_LOST, 0);
    until(atomic_load(&ended) == 1);
    until(leases_held_count(&leases) == 0);
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0); /* nobody would take it */
    ck_assert_uint_eq(count(PROTO_LOG), 0);
    end();
}
END_TEST

/* Jobs that have not started do not start without a lease. */
START_TEST(test_waiting_jobs_wait_for_resume)
{
    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    give("2", "echo", 0);
    give("3", "echo", 0);
    down();
    atomic_store(&held_open, 1);
    until(atomic_load(&ended) == 1);
    sent_count = 0;
    up();
    ck_assert_uint_eq(count(PROTO_RESUME), 3);
    resumed("1", CT_E_OK, 101);
    resumed("2", CT_E_LOCK_LOST, 0);
    resumed("3", CT_E_OK, 103);
    until(count(PROTO_COMPLETED) == 2);
    ck_assert_int_eq(atomic_load(&running), 2);
    ck_assert_uint_eq(find(PROTO_COMPLETED, 1)->lease, 103);
    end();
}
END_TEST

START_TEST(test_jobs_behind_a_long_one_are_handed_back)
{
    uint64_t lease;

    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    lease = give("2", "echo", 0);
    until(count(PROTO_RELEASED) == 1);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->lease, lease);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->number, PROTO_RELEASE_UNSTARTED);
    ack(lease, CT_E_OK, PROTO_STATE_WAITING);
    ck_assert_str_eq(finished_text, ""); /* the plugin never had it */
    ck_assert_uint_eq(leases_held_count(&leases), 1);
    ck_assert_int_eq(atomic_load(&running), 1);
    end();
}
END_TEST

/* A window that was wide for short jobs is narrow before jobs go back, or they would come again. */
START_TEST(test_window_closes_before_jobs_go_back)
{
    const struct sent *released;
    uint64_t window;

    begin();
    for (int i = 0; i < 40; i++) {
        give("7", "echo", 0);
        until(count(PROTO_COMPLETED) == (size_t)i + 1);
        ack(next_lease, CT_E_OK, PROTO_STATE_COMPLETED);
    }
    window = find(PROTO_WINDOW, count(PROTO_WINDOW) - 1)->number;
    ck_assert_uint_gt(window, 1);
    give("8", "hold", 0);
    until(atomic_load(&running) == 41);
    give("9", "echo", 0);
    until(count(PROTO_RELEASED) == 1);
    released = find(PROTO_RELEASED, 0);
    ck_assert_uint_eq(find(PROTO_WINDOW, count(PROTO_WINDOW) - 1)->number, 1);
    ck_assert(find(PROTO_WINDOW, count(PROTO_WINDOW) - 1) < released);
    end();
}
END_TEST

static void tell(uint64_t lease, enum ct_code code, const char *reason)
{
    struct proto_message message = {.type = PROTO_CANCEL};

    message.as.cancel.lease = lease;
    message.as.cancel.code = code;
    message.as.cancel.reason = ct_str_of(reason);
    leases_message(&leases, &message);
    leases_settle(&leases);
}

/* Failed for good, for this reason. */
static void assert_cancelled(uint64_t lease, const char *reason)
{
    const struct sent *failed = find(PROTO_FAILED, 0);

    ck_assert_uint_eq(count(PROTO_FAILED), 1);
    ck_assert_uint_eq(failed->lease, lease);
    ck_assert_str_eq(failed->text, reason);
    ck_assert_uint_eq(failed->number, 1);
    ck_assert_uint_eq(count(PROTO_RELEASED), 0);
}

/* _i = 0: it waits for a thread. 1: its message came in the same turn. */
START_TEST(test_cancel_before_it_starts)
{
    uint64_t lease;

    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    if (_i == 0)
        lease = give("2", "echo", 0);
    else
        lease = give_unsettled("2", "echo", 0);
    tell(lease, CT_E_CANCELLED, "cancelled: not any more");
    assert_cancelled(lease, "cancelled: not any more");
    ck_assert_int_eq(atomic_load(&cancels), 0);
    ack(lease, CT_E_OK, PROTO_STATE_FAILED);
    ck_assert_str_eq(finished_text, ""); /* it never had it */
    ck_assert_uint_eq(leases_held_count(&leases), 1);
    atomic_store(&held_open, 1);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert_int_eq(atomic_load(&running), 1);
    end();
}
END_TEST

START_TEST(test_lock_lost_before_it_starts)
{
    uint64_t lease;

    begin();
    give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    lease = give("2", "echo", 0);
    tell(lease, CT_E_LOCK_LOST, "lost");
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->lease, lease);
    ck_assert_int_eq(atomic_load(&cancels), 0);
    end();
}
END_TEST

/* What the plugin completes then does not count. */
START_TEST(test_cancel_while_it_runs)
{
    uint64_t lease;

    begin();
    lease = give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    tell(lease, CT_E_CANCELLED, "cancelled");
    tell(lease, CT_E_CANCELLED, "cancelled: again");
    until(count(PROTO_FAILED) == 1);
    assert_cancelled(lease, "cancelled");
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0);
    ck_assert_uint_eq(stuck, 0);
    end();
}
END_TEST

/* Also one that is in its grace at a time limit, which would be retried. */
START_TEST(test_cancel_of_a_deaf_job_replaces_the_runner)
{
    uint64_t start_ms = job_now_ms();
    uint64_t lease;

    begin();
    lease = give("1", "deaf", _i ? 20 : 0);
    until(atomic_load(&running) == 1);
    if (_i)
        until(atomic_load(&cancels) == 1);
    tell(lease, CT_E_CANCELLED, "cancelled: enough");
    until(count(PROTO_FAILED) == 1);
    assert_cancelled(lease, "cancelled: enough");
    ck_assert_uint_ge(job_now_ms() - start_ms, 100);
    ck_assert_uint_eq(stuck, 1);
    end();
}
END_TEST

/* The supervisor's watchdog begins to count, and goes back to its own for the next job. */
START_TEST(test_cancel_moves_the_deadline_of_its_job_alone)
{
    struct recorder_job *jobs;
    uint64_t lease, now_ms;
    size_t job_count;

    begin();
    lease = give("1", "deaf", 0);
    until(atomic_load(&running) == 1);
    tell(lease, CT_E_CANCELLED, "cancelled");
    ck_assert_int_eq(recorder_read(recorder_fd, &jobs, &job_count, NULL), CT_E_OK);
    ck_assert_uint_eq(job_count, 1);
    ck_assert_uint_le(jobs[0].deadline_ms, job_now_ms());
    free(jobs);
    give("2", "deaf", 0);
    atomic_store(&held_open, 1);
    until(count(PROTO_COMPLETED) == 1);
    now_ms = job_now_ms();
    atomic_store(&held_open, 0);
    atomic_store(&running, 0);
    give("3", "deaf", 0);
    until(atomic_load(&running) == 1);
    ck_assert_int_eq(recorder_read(recorder_fd, &jobs, &job_count, NULL), CT_E_OK);
    ck_assert_uint_eq(job_count, 1);
    ck_assert_uint_gt(jobs[0].deadline_ms, now_ms);
    free(jobs);
    end();
}
END_TEST

START_TEST(test_cancel_of_a_job_that_has_completed)
{
    uint64_t lease;

    begin();
    lease = give("1", "echo", 0);
    until(count(PROTO_COMPLETED) == 1);
    tell(lease, CT_E_CANCELLED, "cancelled");
    ck_assert_uint_eq(count(PROTO_FAILED), 0);
    ack(lease, CT_E_OK, PROTO_STATE_COMPLETED);
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    end();
}
END_TEST

/* A thread has it and waits for more: the plugin is told when it has it. */
START_TEST(test_cancel_while_a_batch_fills)
{
    uint64_t lease;

    begin_with(1, 2, 300);
    lease = give("1", "told", 0);
    until(threads_ready_count(threads) == 0);
    tell(lease, CT_E_CANCELLED, "cancelled");
    until(count(PROTO_FAILED) == 1);
    assert_cancelled(lease, "cancelled");
    ck_assert_uint_eq(stuck, 0);
    end();
}
END_TEST

START_TEST(test_time_limit)
{
    begin();
    give("1", "hold", 50);
    until(count(PROTO_FAILED) == 1);
    ck_assert_str_eq(find(PROTO_FAILED, 0)->text, "Promise timed out after 50 milliseconds");
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0); /* whatever the plugin said */
    ck_assert_uint_eq(stuck, 0);
    end();
}
END_TEST

/* A plugin that hears nothing: the loop fails the job, and asks for the runner to be replaced. */
START_TEST(test_job_that_does_not_stop)
{
    uint64_t start_ms = job_now_ms();

    begin();
    give("1", "deaf", 50);
    until(count(PROTO_FAILED) == 1);
    ck_assert_uint_ge(job_now_ms() - start_ms, 50 + 100);
    ck_assert_str_eq(find(PROTO_FAILED, 0)->text, "Promise timed out after 50 milliseconds");
    ck_assert_uint_eq(stuck, 1);
    ck_assert_uint_eq(recorded(), 1); /* its thread still is where it was */
    atomic_store(&held_open, 1);
    until(atomic_load(&ended) == 1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0);
    ack(next_lease, CT_E_OK, PROTO_STATE_FAILED);
    end();
}
END_TEST

START_TEST(test_lock_lost_while_running)
{
    struct proto_message message = {.type = PROTO_CANCEL};
    uint64_t lease;

    begin();
    lease = give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    message.as.cancel.lease = lease;
    message.as.cancel.code = CT_E_LOCK_LOST;
    message.as.cancel.reason = CT_STR_LIT("lock lost");
    leases_message(&leases, &message);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert_int_eq(atomic_load(&cancels), 1);
    ck_assert_uint_eq(count(PROTO_LOG), 0); /* nothing more of it is worth sending */
    ack(lease, CT_E_LOCK_LOST, PROTO_STATE_LOST);
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    ck_assert_ptr_nonnull(strstr(finished_text, "mail/1 lost"));
    end();
}
END_TEST

/* Drain: the running job finishes, the waiting one goes back, nothing is fetched, and it is told
 * when the last ack is there. */
START_TEST(test_drain)
{
    uint64_t first, second;

    begin();
    first = give("1", "hold", 0);
    until(atomic_load(&running) == 1);
    second = give("2", "echo", 0);
    leases_drain(&leases);
    leases_settle(&leases);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->lease, second);
    ack(second, CT_E_OK, PROTO_STATE_WAITING);
    give("3", "echo", 0); /* it was on its way */
    ck_assert_uint_eq(find(PROTO_RELEASED, 1)->lease, next_lease);
    ck_assert_uint_eq(drained, 0);
    atomic_store(&held_open, 1);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert_uint_eq(drained, 0);
    ack(first, CT_E_OK, PROTO_STATE_COMPLETED);
    ck_assert_uint_ge(drained, 1);
    ck_assert_int_eq(atomic_load(&running), 1);
    end();
}
END_TEST

START_TEST(test_give_up_hands_running_jobs_back)
{
    begin();
    give("1", "deaf", 0);
    until(atomic_load(&running) == 1);
    leases_drain(&leases);
    leases_give_up(&leases);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->number, PROTO_RELEASE_UNSTARTED);
    atomic_store(&held_open, 1);
    until(atomic_load(&ended) == 1);
    ck_assert_uint_eq(count(PROTO_COMPLETED), 0);
    end();
}
END_TEST

START_TEST(test_result_over_the_frame_limit)
{
    begin();
    frame_max = 3;
    give("1", "echo", 0);
    until(count(PROTO_FAILED) == 1);
    ck_assert_str_eq(find(PROTO_FAILED, 0)->text,
                     "the result has 7 bytes, over the limit of 1000 bytes in one message");
    end();
}
END_TEST

START_TEST(test_batches)
{
    begin_with(1, 4, 200);
    ck_assert_uint_eq(find(PROTO_WINDOW, 0)->number, 4);
    for (int i = 0; i < 4; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", i);
        give(id, "echo", 0);
    }
    until(count(PROTO_COMPLETED) == 4);
    ck_assert_int_eq(atomic_load(&largest_run), 4);
    ck_assert_int_eq(atomic_load(&running), 1);
    for (uint64_t lease = 1; lease <= 4; lease++)
        ack(lease, CT_E_OK, PROTO_STATE_COMPLETED);
    give("9", "echo", 0); /* alone: the wait is over at some time */
    until(count(PROTO_COMPLETED) == 5);
    end();
}
END_TEST

START_TEST(test_enqueue)
{
    struct proto_message added = {.type = PROTO_ADDED};

    begin();
    give("1", "spawn", 0);
    until(count(PROTO_ADD) == 1);
    ck_assert_str_eq(find(PROTO_ADD, 0)->text, "next");
    ck_assert_str_eq(find(PROTO_ADD, 0)->more, "{\"x\":1}");
    added.as.added.request = find(PROTO_ADD, 0)->number;
    added.as.added.has_id = true;
    added.as.added.id = CT_STR_LIT("55");
    leases_message(&leases, &added);
    ck_assert_str_eq(enqueued_text, "55|-");
    give("2", "badspawn", 0);
    until(strncmp(enqueued_text, "-|enqueue: data", 15) == 0);
    ck_assert_uint_eq(count(PROTO_ADD), 1);
    give("3", "spawn", 0); /* sent, and then the connection is lost: nobody knows */
    until(count(PROTO_ADD) == 2);
    down();
    ck_assert_ptr_nonnull(strstr(enqueued_text, "may have been added or not"));
    end();
}
END_TEST

/* The daemon feeds a runner of one thread as fast as its window allows. */
START_TEST(test_short_jobs_stream)
{
    size_t read_to = 0, acked = 0, windows = 0;
    uint64_t window = 1;

    begin();
    while (acked < STREAM_JOBS) {
        while (leases_held_count(&leases) < window && next_lease < STREAM_JOBS)
            give("7", "echo", 0);
        uv_timer_start(&deadline, nothing, 1, 0);
        uv_run(&loop, UV_RUN_ONCE);
        for (; read_to < sent_count; read_to++) {
            if (sent[read_to].type == PROTO_WINDOW) {
                window = sent[read_to].number;
                windows++;
            } else if (sent[read_to].type == PROTO_COMPLETED) {
                ack(sent[read_to].lease, CT_E_OK, PROTO_STATE_COMPLETED);
                acked++;
            }
        }
    }
    ck_assert_uint_gt(window, 50);
    ck_assert_uint_lt(windows, 40);
    end();
}
END_TEST

static const struct {
    const char *name, *duration;
    enum proto_release how;
    enum proto_state state;
    const char *told;
} moves[] = {
    {"delay", "5000", PROTO_RELEASE_POSTPONED, PROTO_STATE_DELAYED, "mail/1 delayed -"},
    {"wait", "0", PROTO_RELEASE_WAITING, PROTO_STATE_WAITING, "mail/1 waiting -"},
    {"await", "0", PROTO_RELEASE_AWAITING, PROTO_STATE_WAITING_CHILDREN,
     "mail/1 waiting-children -"},
};

START_TEST(test_moves)
{
    uint64_t lease;

    begin();
    lease = give("1", moves[_i].name, 0);
    until(count(PROTO_RELEASED) == 1);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->number, moves[_i].how);
    ck_assert_str_eq(find(PROTO_RELEASED, 0)->text, moves[_i].duration);
    ack(lease, CT_E_OK, moves[_i].state);
    ck_assert_str_eq(finished_text, moves[_i].told);
    end();
}
END_TEST

/* Before that nobody would know that it has any. */
START_TEST(test_waiting_for_children_is_said_when_they_are_there)
{
    begin();
    give("1", "parent", 0);
    until(count(PROTO_ADD) == 2 && atomic_load(&ended) == 1);
    outbox_drain(&outbox);
    added(0, "7");
    ck_assert_uint_eq(count(PROTO_RELEASED), 0);
    added(1, _i ? NULL : "8"); /* also when it could not be added */
    ck_assert_uint_eq(count(PROTO_RELEASED), 1);
    ck_assert_uint_eq(find(PROTO_RELEASED, 0)->number, PROTO_RELEASE_AWAITING);
    end();
}
END_TEST

START_TEST(test_answer_that_says_why_the_job_ended_otherwise)
{
    struct proto_message message = {.type = PROTO_ACK};

    begin();
    message.as.ack.lease = give("1", "echo", 0);
    until(count(PROTO_COMPLETED) == 1);
    message.as.ack.has_state = message.as.ack.has_detail = true;
    message.as.ack.state = PROTO_STATE_FAILED;
    message.as.ack.detail = CT_STR_LIT("its children");
    leases_message(&leases, &message);
    ck_assert_str_eq(finished_text, "mail/1 failed its children");
    ck_assert_uint_eq(leases_held_count(&leases), 0);
    end();
}
END_TEST

START_TEST(test_children_come_in_pages)
{
    uint64_t lease;

    begin();
    lease = give("1", _i ? "ask1" : "ask", 0);
    until(count(PROTO_CHILDREN) == 1);
    ck_assert_uint_eq(find(PROTO_CHILDREN, 0)->lease, lease);
    ck_assert_uint_eq(find(PROTO_CHILDREN, 0)->number, PROTO_CHILDREN_PROCESSED);
    tell_child(1, "b:q:1", "{}", false);
    tell_child(1, "b:q:2", NULL, true);
    tell_child(1, "b:q:3", NULL, false);
    tell_children_end(1, 44, NULL);
    if (_i) { /* it has enough with the first */
        until(count(PROTO_COMPLETED) == 1);
        ck_assert_str_eq(children_text, "b:q:1={};");
        end();
        return;
    }
    until(count(PROTO_CHILDREN) == 2);
    ck_assert_str_eq(find(PROTO_CHILDREN, 1)->text, "b:q:2"); /* the long one, alone */
    tell_child(2, "b:q:2", "[1,2]", false);
    tell_children_end(2, 0, NULL);
    until(count(PROTO_CHILDREN) == 3);
    ck_assert_str_eq(find(PROTO_CHILDREN, 2)->more, "44");
    tell_children_end(3, 0, NULL);
    until(count(PROTO_COMPLETED) == 1);
    ck_assert_str_eq(children_text, "b:q:1={};b:q:2=[1,2];b:q:3=-;");
    end();
}
END_TEST

START_TEST(test_children_that_cannot_be_told)
{
    uint64_t lease;

    begin();
    lease = give("1", "ask", 0);
    until(count(PROTO_CHILDREN) == 1);
    if (_i == 0)
        tell_children_end(1, 0, "no flows");
    else if (_i == 1)
        down();
    else
        tell(lease, CT_E_CANCELLED, "cancelled");
    until(atomic_load(&ended) == 1);
    ck_assert_str_eq(children_text, _i == 0   ? "error: no flows"
                                    : _i == 1 ? "error: the connection to the daemon was lost"
                                              : "error: cancelled");
    tell_children_end(1, 0, NULL); /* too late */
    end();
}
END_TEST

START_TEST(test_children_while_the_daemon_is_away)
{
    begin();
    give("1", "late", 0);
    until(atomic_load(&running) == 1);
    down();
    atomic_store(&held_open, 1);
    until(atomic_load(&ended) == 1);
    ck_assert_str_eq(children_text, "error: the daemon cannot be reached now");
    ck_assert_uint_eq(count(PROTO_CHILDREN), 0);
    end();
}
END_TEST

START_TEST(test_what_a_job_is_part_of)
{
    struct proto_message message = {.type = PROTO_JOB};
    struct proto_job *job = &message.as.job;

    begin();
    give("1", "look", 0);
    until(atomic_load(&ended) == 1);
    ck_assert_str_eq(looked_text, "bull:mail - -");
    job->lease = ++next_lease;
    job->id = CT_STR_LIT("2");
    job->name = CT_STR_LIT("look");
    job->data = job->opts = CT_STR_LIT("{}");
    job->token = CT_STR_LIT("tok");
    job->has_telemetry = job->has_parent = true;
    job->telemetry = CT_STR_LIT("{\"traceparent\":1}");
    job->parent = CT_STR_LIT("bull:up:7");
    leases_message(&leases, &message);
    leases_settle(&leases);
    until(atomic_load(&ended) == 2);
    ck_assert_str_eq(looked_text, "bull:mail {\"traceparent\":1} bull:up:7");
    end();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_loop_test(tcase, test_moves, 0, 3);
    tcase_add_loop_test(tcase, test_waiting_for_children_is_said_when_they_are_there, 0, 2);
    tcase_add_test(tcase, test_answer_that_says_why_the_job_ended_otherwise);
    tcase_add_loop_test(tcase, test_children_come_in_pages, 0, 2);
    tcase_add_loop_test(tcase, test_children_that_cannot_be_told, 0, 3);
    tcase_add_test(tcase, test_children_while_the_daemon_is_away);
    tcase_add_test(tcase, test_what_a_job_is_part_of);
    tcase_add_test(tcase, test_one_job);
    tcase_add_test(tcase, test_progress_and_log_come_before_the_end);
    tcase_add_test(tcase, test_failure_carries_its_stack);
    tcase_add_test(tcase, test_misuse);
    tcase_add_test(tcase, test_use_after_end);
    tcase_add_test(tcase, test_result_survives_a_lost_connection);
    tcase_add_test(tcase, test_job_lost_while_away);
    tcase_add_loop_test(tcase, test_end_that_crosses_a_resume_is_said_once, 0, 2);
    tcase_add_test(tcase, test_running_job_across_an_outage);
    tcase_add_test(tcase, test_running_job_is_told_of_its_loss);
    tcase_add_test(tcase, test_waiting_jobs_wait_for_resume);
    tcase_add_test(tcase, test_jobs_behind_a_long_one_are_handed_back);
    tcase_add_test(tcase, test_window_closes_before_jobs_go_back);
    tcase_add_loop_test(tcase, test_cancel_before_it_starts, 0, 2);
    tcase_add_test(tcase, test_lock_lost_before_it_starts);
    tcase_add_test(tcase, test_cancel_while_it_runs);
    tcase_add_loop_test(tcase, test_cancel_of_a_deaf_job_replaces_the_runner, 0, 2);
    tcase_add_test(tcase, test_cancel_moves_the_deadline_of_its_job_alone);
    tcase_add_test(tcase, test_cancel_of_a_job_that_has_completed);
    tcase_add_test(tcase, test_cancel_while_a_batch_fills);
    tcase_add_test(tcase, test_time_limit);
    tcase_add_test(tcase, test_job_that_does_not_stop);
    tcase_add_test(tcase, test_lock_lost_while_running);
    tcase_add_test(tcase, test_drain);
    tcase_add_test(tcase, test_give_up_hands_running_jobs_back);
    tcase_add_test(tcase, test_result_over_the_frame_limit);
    tcase_add_test(tcase, test_batches);
    tcase_add_test(tcase, test_enqueue);
    tcase_add_test(tcase, test_short_jobs_stream);
}

int main(void)
{
    return unit_run("leases", add_tests);
}
