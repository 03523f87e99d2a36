/* A job's options, data and stack traces, a line each behind a byte of choices: as stored by a
 * stranger and fetched, judged, written and scheduled again; and as given by a producer and stored.
 * Each input is Bull's first, then BullMQ's (whose producers: fuzz_entry.c). What is stored in a
 * queue of Bull must be what we ourselves, and Bull, can read again. Corpus:
 * tests/fuzz/corpus/options. */
#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "dialect/bull/bull.h"
#include "dialect/shared/members.h"
#include "dialect/shared/options.h"
#include "dialect/bull/parts.h"
#include "dialect/bullmq/bullmq.h"
#include "dialect/shared/plan.h"
#include "tests/fuzz/resp.h"

#define FUZZ_NOW_MS     1700000000000
#define FUZZ_YEARS_MS   (11ll * 366 * 24 * 3600 * 1000)
#define FUZZ_TRACES_MAX 100
#define FUZZ_HEAD_ARGS  (1 + BULL_KEY_COUNT + 3)

/* Of the choices. */
#define FUZZ_IS_GROUPED  1
#define FUZZ_IS_NAMELESS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The arguments of add_series_job (inc/add.lua). */
enum { SERIES, SLOT, IS_NEXT, ID, NAME, DATA, OPTS, TIMESTAMP, DELAY, DUE, RANK, PUSH, DEID, TTL };
#define FUZZ_ADD_ARGS (TTL + 1)

struct fuzz_input {
    uint8_t choices;
    struct ct_str name, opts, data, stacktrace;
};

/* With other settings where `is_grouped`. */
static struct dialect_queue *open_queue(const struct dialect *dialect, bool is_grouped)
{
    static struct dialect_queue *opened[2][2]; /* stay open */
    struct dialect_queue **queues = opened[dialect == &bullmq_dialect];
    const struct queue_name name = {"bull", "q"};
    struct queue_settings settings;
    enum ct_code rc;

    if (queues[is_grouped])
        return queues[is_grouped];
    queue_settings_init(&settings);
    rc = queue_settings_parse(
        &settings,
        is_grouped ? CT_STR_LIT("{\"limiter\":{\"max\":1,\"duration\":1,\"groupKey\":\"a.b\"}}")
                   : CT_STR_LIT("{\"backoffStrategies\":{\"own\":{\"delays\":[5,-1]}}}"),
        NULL);
    ct_assert(rc == CT_E_OK);
    rc = dialect->open(&name, &settings, &queues[is_grouped], NULL);
    ct_assert(rc == CT_E_OK);
    queue_settings_fini(&settings);
    return queues[is_grouped];
}

/* --- a job that is fetched ---------------------------------------------------------------------
 */

/* As BullMQ's scripts answer it (bullmq/inc/job.lua). */
static struct job *fetched_of_bullmq(const struct dialect_queue *queue,
                                     const struct fuzz_input *input, int64_t attempts)
{
    struct ct_buf text;

    ct_buf_init(&text);
    resp_put_array(&text, 13);
    resp_put_text(&text, input->name);
    resp_put_text(&text, input->data);
    resp_put_text(&text, input->opts);
    resp_put_int(&text, FUZZ_NOW_MS);
    resp_put_int(&text, input->choices & 3);
    resp_put_int(&text, attempts);
    resp_put_int(&text, attempts + 1);
    resp_put_text(&text, CT_STR_NONE);
    resp_put_text(&text, input->choices & FUZZ_IS_NAMELESS ? CT_STR_LIT("deferred") : CT_STR_NONE);
    resp_put_text(&text, input->choices & FUZZ_IS_GROUPED ? CT_STR_LIT("daily") : CT_STR_NONE);
    resp_put_text(&text, CT_STR_NONE);
    resp_put_text(&text, input->stacktrace);
    resp_put_text(&text, CT_STR_LIT("7"));
    struct redis_reply *reply = redis_reply_parse(ct_buf_str(&text).data, text.len);
    struct job *job = dialect_read_job(queue, reply, CT_STR_LIT("token"));
    ct_assert(job != NULL);
    redis_reply_free(reply);
    ct_buf_free(&text);
    return job;
}

static struct job *fetched(const struct dialect_queue *queue, const struct fuzz_input *input,
                           int64_t attempts)
{
    struct ct_buf text;

    ct_buf_init(&text);
    resp_put_array(&text, 8);
    resp_put_text(&text, input->name);
    resp_put_text(&text, input->data);
    resp_put_text(&text, input->opts);
    resp_put_int(&text, FUZZ_NOW_MS);
    resp_put_text(&text, CT_STR_NONE);
    resp_put_int(&text, attempts);
    resp_put_text(&text, input->stacktrace);
    resp_put_text(&text, CT_STR_LIT("7"));
    struct redis_reply *reply = redis_reply_parse(ct_buf_str(&text).data, text.len);
    struct job *job = dialect_read_job(queue, reply, CT_STR_LIT("token"));
    ct_assert(job != NULL);
    redis_reply_free(reply);
    ct_buf_free(&text);
    return job;
}

static void check_job(const struct job *job)
{
    struct job_options options;
    struct ct_error err = {CT_E_OK, ""};

    ct_assert(job->timeout_ms >= 0);
    ct_assert(job->on_complete.age_s >= -1 && job->on_fail.age_s >= -1);
    bool is_fine = options_read(job->opts, &options, &err) == CT_E_OK;
    ct_assert(is_fine || (err.detail[0] && job->broken));
    if (job->broken)
        return;
    ct_assert(ct_json_check(job->data, NULL) == CT_E_OK);
    ct_assert(ct_json_check(job->opts, NULL) == CT_E_OK);
    ct_assert(!(options.stack_trace_limit < 0));
}

/* Writes the effects, as a commit would, and takes them. */
static void check_commit(struct dialect_queue *queue, struct effect *first, struct effect *second)
{
    struct redis_command command;
    struct commit commit;

    commit_init(&commit);
    commit.token_base = "base";
    commit.now_ms = FUZZ_NOW_MS;
    ct_list_push_back(&commit.effects, &first->link);
    ct_list_push_back(&commit.effects, &second->link);
    commit.effect_count = 2;
    redis_command_init(&command, NULL);
    dialect_build_commit(queue, &commit, &command);
    resp_check_command(&command);
    redis_command_fini(&command);
    commit_fini(&commit, plan_free);
}

static void check_failure(const struct effect *effect, const struct job *job)
{
    json_error_t problem;

    ct_assert(effect->kind == EFFECT_FAIL || effect->kind == EFFECT_RETRY ||
              effect->kind == EFFECT_DELAY);
    ct_assert(effect->attempts_made == job->attempts_made + 1);
    ct_assert(!job->broken || effect->kind == EFFECT_FAIL);
    if (effect->kind == EFFECT_DELAY)
        ct_assert(effect->due_ms > FUZZ_NOW_MS && effect->due_ms < FUZZ_NOW_MS + FUZZ_YEARS_MS);
    ct_assert(ct_json_check(effect->extra, NULL) == CT_E_OK);
    json_t *traces = json_loadb(effect->extra.data, effect->extra.len, JSON_ALLOW_NUL, &problem);
    ct_assert(!traces || json_array_size(traces) <= FUZZ_TRACES_MAX);
    json_decref(traces);
}

static void check_judgement(struct dialect_queue *queue, const struct job *job, int kind)
{
    static const struct failure failures[] = {
        {.reason = {"why", 3}, .stack = {"Error: why\n\tat \"x\"", 18}},
        {.has_delay = true, .delay_ms = 500},
        {.is_unrecoverable = true, .stack = {"s", 1}},
        {.has_delay = true, .delay_ms = -1},
    };
    uint64_t state = 1;
    const struct ct_random random = ct_random_seeded(&state);
    struct effect *failed = dialect_judge(queue, job, &failures[kind], FUZZ_NOW_MS, &random);
    struct effect *completed = effect_new(EFFECT_COMPLETE, CT_STR_LIT("{}"), CT_STR_NONE);

    check_failure(failed, job);
    failed->job = completed->job = job;
    check_commit(queue, failed, completed);
}

/* The next iteration, NULL: none. */
static struct effect *scheduled(const struct dialect *dialect, struct dialect_queue *queue,
                                const struct job *job, bool must_work)
{
    struct ct_error err = {CT_E_OK, ""};
    struct effect *effect = NULL;
    enum ct_code rc = dialect->schedule(queue, job, FUZZ_NOW_MS, &effect, &err);

    ct_assert(rc == CT_E_OK || (err.detail[0] && !effect && !must_work));
    return effect;
}

/* Judged, and its series carried on. */
static void check_run(const struct dialect *dialect, struct dialect_queue *queue, struct job *job,
                      uint8_t choices)
{
    check_judgement(queue, job, choices >> 2 & 3);
    if (job->is_repeat) {
        struct effect *next = scheduled(dialect, queue, job, false);
        if (next) {
            struct effect *stall = effect_new(EFFECT_STALL, CT_STR_NONE, CT_STR_NONE);
            stall->job = job;
            check_commit(queue, next, stall);
        }
    }
    job_free(job);
}

/* --- a job that is added -----------------------------------------------------------------------
 */

static double number_of(struct ct_str text)
{
    double number = NAN;

    ct_assert(ct_str_to_double(text, &number));
    return number;
}

static void take_args(struct ct_str *body, struct ct_str arg[FUZZ_ADD_ARGS])
{
    for (int i = 0; i < FUZZ_ADD_ARGS; i++)
        arg[i] = resp_take_arg(body);
    ct_assert(body->len == 0);
}

static void check_stored(const struct ct_str arg[FUZZ_ADD_ARGS])
{
    struct members members;

    ct_assert(ct_json_check(arg[DATA], NULL) == CT_E_OK);
    ct_assert(ct_json_check(arg[OPTS], NULL) == CT_E_OK);
    ct_assert(members_begin_object(&members, arg[OPTS]));
    ct_assert(!key_table_has(&bull_key_table, arg[ID]));
    ct_assert(number_of(arg[DELAY]) >= 0);
    (void)number_of(arg[TIMESTAMP]);
    (void)number_of(arg[DUE]);
    (void)number_of(arg[RANK]);
    (void)number_of(arg[SLOT]);
    ct_assert(ct_str_is(arg[PUSH], "LPUSH") || ct_str_is(arg[PUSH], "RPUSH"));
    ct_assert(arg[TTL].len == 0 || number_of(arg[TTL]) >= 1);
}

/* A worker that fetches what was stored can use it, and goes on with the same series. */
static void check_closed(struct dialect_queue *queue, const struct ct_str arg[FUZZ_ADD_ARGS])
{
    struct fuzz_input stored = {0, arg[NAME], arg[OPTS], arg[DATA], CT_STR_NONE};
    struct ct_str next[FUZZ_ADD_ARGS];
    struct job *job = fetched(queue, &stored, 0);

    ct_assert(!job->broken);
    check_job(job);
    ct_assert(job->is_repeat == (arg[SERIES].len > 0));
    struct effect *effect = job->is_repeat ? scheduled(&bull_dialect, queue, job, true) : NULL;
    if (effect) {
        const struct redis_command *plan = effect->plan;
        struct ct_str body = ct_buf_str(&plan->body);

        take_args(&body, next);
        check_stored(next);
        ct_assert(ct_str_equal(next[SERIES], arg[SERIES]));
        ct_assert(number_of(next[SLOT]) > number_of(arg[SLOT]));
        effect_free(effect, plan_free);
    }
    job_free(job);
}

static void check_added(struct dialect_queue *queue, const struct fuzz_input *input)
{
    struct job_add add = {.name = input->name, .data = input->data, .opts = input->opts};
    uint64_t state = 1;
    const struct ct_random random = ct_random_seeded(&state);
    struct ct_str arg[FUZZ_ADD_ARGS];
    struct redis_command command;
    struct ct_list adds;

    ct_list_init(&adds);
    ct_list_push_back(&adds, &add.link);
    redis_command_init(&command, NULL);
    bull_build_add(queue, &adds, FUZZ_NOW_MS, &random, &command);
    resp_check_command(&command);
    ct_assert((command.argc == 0) == (add.is_skipped || add.err.code != CT_E_OK));
    ct_assert(add.err.code == CT_E_OK || add.err.detail[0]);
    if (command.argc > 0) {
        struct ct_str body = ct_buf_str(&command.body);

        ct_assert(command.argc == FUZZ_HEAD_ARGS + FUZZ_ADD_ARGS);
        for (int i = 0; i < FUZZ_HEAD_ARGS; i++)
            (void)resp_take_arg(&body);
        take_args(&body, arg);
        check_stored(arg);
        check_closed(queue, arg);
    }
    redis_command_fini(&command);
    job_add_fini(&add);
}

/* Up to the end of the line, which is taken away; absent when nothing is left. */
static struct ct_str take_line(struct ct_str *text)
{
    if (text->len == 0)
        return CT_STR_NONE;
    const char *end = memchr(text->data, '\n', text->len);
    struct ct_str line = {text->data, end ? (size_t)(end - text->data) : text->len};
    size_t taken = line.len + (end != NULL);
    *text = (struct ct_str){text->data + taken, text->len - taken};
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {.name = CT_STR_LIT("resize")};

    if (size < 1)
        return 0;
    struct ct_str rest = {(const char *)data + 1, size - 1};
    input.choices = data[0];
    input.opts = take_line(&rest);
    input.data = take_line(&rest);
    input.stacktrace = take_line(&rest);
    if (input.choices & FUZZ_IS_NAMELESS)
        input.name = CT_STR_NONE;
    struct dialect_queue *bull = open_queue(&bull_dialect, input.choices & FUZZ_IS_GROUPED);
    struct job *job = fetched(bull, &input, input.choices >> 4);
    check_job(job);
    check_run(&bull_dialect, bull, job, input.choices);
    check_added(bull, &input);

    struct dialect_queue *bullmq = open_queue(&bullmq_dialect, input.choices & FUZZ_IS_GROUPED);
    job = fetched_of_bullmq(bullmq, &input, input.choices >> 4);
    check_run(&bullmq_dialect, bullmq, job, input.choices);
    return 0;
}
