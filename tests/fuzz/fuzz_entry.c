/* A job's options and data, a line each behind a byte of choices, as given by a producer to a queue
 * of BullMQ, alone or as the child of a flow. What is stored must be what a worker can read, and
 * options that were stored can be given again. Corpus: tests/fuzz/corpus/entry. */
#include <math.h>

#include "common/json.h"
#include "dialect/bullmq/bullmq.h"
#include "dialect/bullmq/parts.h"
#include "dialect/shared/members.h"
#include "dialect/shared/options.h"
#include "tests/fuzz/resp.h"

#define FUZZ_NOW_MS       1700000000000
#define FUZZ_HEAD_ARGS    (1 + BULLMQ_KEY_COUNT + 3)
#define FUZZ_PRIORITY_MAX 2097151

/* Of the choices. */
#define FUZZ_IS_FLOW      1
#define FUZZ_IS_ELSEWHERE 2 /* the child is in another queue */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dialect_queue *open_queue(void)
{
    static struct dialect_queue *queue; /* stays open */
    const struct queue_name name = {"bull", "q"};
    struct queue_settings settings;

    if (queue)
        return queue;
    queue_settings_init(&settings);
    enum ct_code rc = bullmq_dialect.open(&name, &settings, &queue, NULL);
    ct_assert(rc == CT_E_OK);
    queue_settings_fini(&settings);
    return queue;
}

static bool has(struct ct_str letters, char letter)
{
    return letters.len > 0 && memchr(letters.data, letter, letters.len);
}

static double number_of(struct ct_str text)
{
    double number;
    bool is_number = ct_str_to_double(text, &number);

    ct_assert(is_number);
    return number;
}

/* What is stored of a job. */
struct stored {
    struct ct_str letters, name, data, opts, parent_key, parent;
};

/* As inc/add.lua reads it. */
static void take_job(struct ct_str *body, struct stored *job)
{
    job->letters = resp_take_arg(body);
    job->name = resp_take_arg(body);
    job->data = resp_take_arg(body);
    job->opts = resp_take_arg(body);
    ct_assert(fabs(number_of(resp_take_arg(body))) < 0x1p53);
    if (has(job->letters, 'q'))
        ct_assert(ct_str_is(resp_take_arg(body), "bull:other:"));
    if (has(job->letters, 'i'))
        ct_assert(resp_take_arg(body).len > 0);
    if (has(job->letters, 't'))
        ct_assert(number_of(resp_take_arg(body)) != 0);
    if (has(job->letters, 'r')) {
        double priority = number_of(resp_take_arg(body));
        ct_assert(priority >= 1 && priority <= FUZZ_PRIORITY_MAX && priority == trunc(priority));
    }
    if (has(job->letters, 'd')) {
        ct_assert(resp_take_arg(body).len > 0);
        struct ct_str ttl = resp_take_arg(body);
        ct_assert(ttl.len == 0 || number_of(ttl) >= 1);
        ct_assert(resp_take_arg(body).len <= 4);
        ct_assert(!has(job->letters, 'p') && !has(job->letters, 'c'));
    }
    if (has(job->letters, 'p')) {
        job->parent_key = resp_take_arg(body);
        job->parent = resp_take_arg(body);
        ct_assert(ct_json_check(job->parent, NULL) == CT_E_OK);
        ct_assert(members_find(job->parent, "queueKey").len > 2);
    }
}

static void check_job(const struct stored *job)
{
    struct job_options options;
    struct ct_error err = {CT_E_OK, ""};

    ct_assert(ct_json_check(job->data, NULL) == CT_E_OK);
    enum ct_code rc = options_read(job->opts, &options, &err);
    ct_assert(rc == CT_E_OK);
    ct_assert(!isnan(options.attempts));
    ct_assert(!members_find(job->opts, "deduplication").data);
    ct_assert(!members_find(job->opts, "failParentOnFailure").data);
}

/* Adds it alone; returns whether it was accepted. */
static bool add(struct ct_str opts, struct ct_str data, struct redis_command *command)
{
    struct job_add job = {.name = CT_STR_LIT("n"), .data = data, .opts = opts};
    uint64_t state = 1;
    const struct ct_random random = ct_random_seeded(&state);
    struct ct_list adds;

    ct_list_init(&adds);
    ct_list_push_back(&adds, &job.link);
    bullmq_build_add(open_queue(), &adds, FUZZ_NOW_MS, &random, command);
    resp_check_command(command);
    ct_assert((command->argc == 0) == (job.err.code != CT_E_OK));
    ct_assert(job.err.code == CT_E_OK || job.err.detail[0]);
    job_add_fini(&job);
    return command->argc > 0;
}

static void take_head(struct ct_str *body)
{
    for (int i = 0; i < FUZZ_HEAD_ARGS; i++)
        (void)resp_take_arg(body);
}

static void check_alone(struct ct_str opts, struct ct_str data)
{
    struct redis_command first, second;
    struct stored job = {.letters = CT_STR_NONE}, again = {.letters = CT_STR_NONE};

    redis_command_init(&first, NULL);
    redis_command_init(&second, NULL);
    if (add(opts, data, &first)) {
        struct ct_str body = ct_buf_str(&first.body);

        take_head(&body);
        take_job(&body, &job);
        ct_assert(body.len == 0);
        check_job(&job);
        bool is_fine = add(job.opts, job.data, &second);
        ct_assert(is_fine);
        body = ct_buf_str(&second.body);
        take_head(&body);
        take_job(&body, &again);
        ct_assert(ct_str_equal(job.opts, again.opts) && ct_str_equal(job.data, again.data));
        ct_assert(ct_str_equal(job.letters, again.letters));
    }
    redis_command_fini(&first);
    redis_command_fini(&second);
}

static void check_flow(struct ct_str opts, struct ct_str data, bool is_elsewhere)
{
    struct job_node nodes[2] = {
        {.queue = {"bull", "q"}, .has_children = true},
        {.queue = {"bull", is_elsewhere ? "other" : "q"}},
    };
    struct job_add jobs[2] = {
        {.name = CT_STR_LIT("n"), .opts = opts, .node = &nodes[0]},
        {.name = CT_STR_LIT("n"), .data = data, .opts = opts, .node = &nodes[1]},
    };
    uint64_t state = 1;
    const struct ct_random random = ct_random_seeded(&state);
    struct redis_command command;
    struct ct_list adds;
    struct stored root = {.letters = CT_STR_NONE}, child = {.letters = CT_STR_NONE};

    ct_list_init(&adds);
    ct_list_push_back(&adds, &jobs[0].link);
    ct_list_push_back(&adds, &jobs[1].link);
    nodes[1].parent = &jobs[0];
    redis_command_init(&command, NULL);
    bullmq_build_add(open_queue(), &adds, FUZZ_NOW_MS, &random, &command);
    resp_check_command(&command);
    for (int i = 0; i < 2; i++)
        ct_assert((command.argc == 0) == (jobs[i].err.code != CT_E_OK && !jobs[i].id));
    if (command.argc > 0) {
        struct ct_str body = ct_buf_str(&command.body);

        take_head(&body);
        take_job(&body, &root);
        take_job(&body, &child);
        ct_assert(body.len == 0);
        ct_assert(has(root.letters, 'c') && has(child.letters, 'p'));
        ct_assert(has(child.letters, 'q') == is_elsewhere);
        check_job(&root);
        check_job(&child);
    }
    redis_command_fini(&command);
    job_add_fini(&jobs[0]);
    job_add_fini(&jobs[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    const char *end = memchr(text, '\n', size - 1);
    size_t len = end ? (size_t)(end - text) : size - 1;
    struct ct_str opts = {text, len}, rest = CT_STR_NONE;

    if (end)
        rest = (struct ct_str){end + 1, size - 2 - len};
    if (data[0] & FUZZ_IS_FLOW)
        check_flow(opts, rest, data[0] & FUZZ_IS_ELSEWHERE);
    else
        check_alone(opts, rest);
    return 0;
}
