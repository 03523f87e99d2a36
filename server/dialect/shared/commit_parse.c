/* Reads what commit.lua answered (its head lists the results) into the commit. Called by the
 * engine; a reply of another shape is an error, never a crash. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/commit.h"
#include "dialect/shared/dead.h"

/* Codes of the scripts. */
#define ANSWER_READY           2
#define ANSWER_FAILED          1
#define ANSWER_MISSING         (-1)
#define ANSWER_LOCK_GONE       (-2)
#define ANSWER_NOT_ACTIVE      (-3)
#define ANSWER_CHILDREN        (-4)
#define ANSWER_LOCK_FOREIGN    (-6)
#define ANSWER_CHILDREN_FAILED (-9)

/* --- jobs --- */

struct ct_str job_reading_text(const struct job_reading *reading, int place)
{
    return redis_reply_str(redis_reply_at(reading->fields, (size_t)place));
}

void job_reading_break(struct job_reading *reading, const char *what, const struct ct_error *err)
{
    const struct ct_str id = reading->texts.id;

    reading->broken = ct_asprintf("The %s of job %.*s cannot be used: %s", what, (int)id.len,
                                  id.data, err->detail);
}

static struct ct_str object_or_empty(struct ct_str text)
{
    return text.len > 0 ? text : CT_STR_LIT("{}");
}

static int64_t number_of(const struct job_reading *reading, int place)
{
    return redis_reply_int(redis_reply_at(reading->fields, (size_t)place), 0);
}

struct job *dialect_read_job(const struct dialect_queue *queue, const struct redis_reply *fields,
                             struct ct_str token)
{
    const struct commit_rules *rules = queue->rules;
    struct job_reading reading = {
        .fields = fields,
        .options = {.on_complete = {-1, -1, 0}, .on_fail = {-1, -1, 0}},
    };
    struct ct_error err;

    reading.texts = (struct job_texts){
        .id = job_reading_text(&reading, rules->id_place),
        .name = job_reading_text(&reading, JOB_NAME),
        .data = object_or_empty(job_reading_text(&reading, JOB_DATA)),
        .opts = object_or_empty(job_reading_text(&reading, JOB_OPTS)),
        .token = token,
        .stacktrace = job_reading_text(&reading, rules->stack_place),
    };
    if (!reading.texts.id.data)
        return NULL;
    ct_buf_init(&reading.scratch);
    if (options_read(reading.texts.opts, &reading.options, &err) != CT_E_OK)
        job_reading_break(&reading, "options", &err);
    rules->prepare_job(queue, &reading);
    if (!reading.broken && !reading.has_any_data &&
        ct_json_check(reading.texts.data, &err) != CT_E_OK)
        job_reading_break(&reading, "data", &err);

    struct job *job = job_new(&reading.texts);
    ct_buf_free(&reading.scratch);
    job->on_complete = reading.options.on_complete;
    job->delay_ms = reading.options.delay_ms;
    job->on_fail = reading.options.on_fail;
    job->broken = reading.broken;
    job->timestamp_ms = number_of(&reading, JOB_TIMESTAMP);
    job->processed_on_ms = number_of(&reading, rules->id_place + 2);
    job->stalled_counter = number_of(&reading, JOB_STALLED);
    int64_t attempts = number_of(&reading, JOB_ATTEMPTS);
    job->attempts_made = attempts > 0 && attempts < UINT32_MAX ? (uint32_t)attempts : 0;
    rules->complete_job(queue, &reading, job);
    return job;
}

/* The next job that this commit leased; *number is that of its token and counts up. */
static struct job *leased_job(const struct dialect_queue *queue, const struct commit *commit,
                              const struct redis_reply *reply, uint64_t *number)
{
    char token[256];
    int len =
        snprintf(token, sizeof token, "%s:%llu", commit->token_base, (unsigned long long)*number);

    if (len >= (int)sizeof token)
        return NULL;
    struct job *job = dialect_read_job(queue, reply, (struct ct_str){token, (size_t)len});
    if (!job)
        return NULL;
    job->processed_on_ms = commit->now_ms;
    ++*number;
    return job;
}

/* --- results --- */

static enum ct_code answer_code(int64_t answer)
{
    switch (answer) {
    case ANSWER_MISSING:
        return CT_E_JOB_MISSING;
    case ANSWER_LOCK_GONE:
    case ANSWER_LOCK_FOREIGN:
        return CT_E_LOCK_LOST;
    case ANSWER_NOT_ACTIVE:
        return CT_E_NOT_ACTIVE;
    case ANSWER_CHILDREN:
    case ANSWER_CHILDREN_FAILED:
        return CT_E_CHILDREN;
    default:
        return CT_E_REDIS_ERROR;
    }
}

/* The job keeps its lock and fails with this. */
static void take_refusal(struct effect *effect, bool is_final)
{
    const struct ct_str id = effect->job->id;
    const char *cause = is_final ? "a child has failed that must not" : "children are pending";

    free(effect->refusal);
    effect->is_final = is_final;
    effect->refusal = ct_asprintf("Job %.*s cannot complete: %s", (int)id.len, id.data, cause);
}

static bool answer_take(const struct dialect_queue *queue, const struct commit *commit,
                        struct effect *effect, const struct redis_reply *what, uint64_t *number)
{
    if (effect->leased) /* answered twice */
        return false;
    if (redis_reply_is_array(what)) {
        effect->leased = effect->kind == EFFECT_ADOPT ? dialect_read_job(queue, what, effect->extra)
                                                      : leased_job(queue, commit, what, number);
        return effect->leased != NULL;
    }
    struct ct_str text = redis_reply_str(what);
    if (text.data) {
        effect->code = redis_error_parse(text, NULL);
        return true;
    }
    int64_t code = redis_reply_int(what, 0);
    if (code == ANSWER_FAILED)
        effect->is_failed = true;
    else if (code == ANSWER_READY)
        effect->is_ready = true;
    else
        effect->code = answer_code(code);
    if (effect->code == CT_E_CHILDREN && !effect->job)
        return false;
    if (effect->code == CT_E_CHILDREN)
        take_refusal(effect, code == ANSWER_CHILDREN_FAILED);
    return code != 0;
}

static bool parse_answers(const struct dialect_queue *queue, const struct commit *commit,
                          const struct redis_reply *answers, uint64_t *number)
{
    struct effect *effects[COMMIT_EFFECTS_MAX];
    size_t count = 0;

    CT_LIST_FOREACH (node, &commit->effects) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);
        if (count == COMMIT_EFFECTS_MAX)
            return false;
        effect->code = CT_E_OK;
        effect->is_failed = false;
        effect->is_ready = false;
        effects[count++] = effect;
    }
    for (size_t i = 0; i + 1 < redis_reply_count(answers); i += 2) {
        int64_t place = redis_reply_int(redis_reply_at(answers, i), 0);
        if (place < 1 || place > (int64_t)count ||
            !answer_take(queue, commit, effects[place - 1], redis_reply_at(answers, i + 1), number))
            return false;
    }
    return true;
}

static bool parse_jobs(const struct dialect_queue *queue, struct commit *commit,
                       const struct redis_reply *jobs, uint64_t *number)
{
    for (size_t i = 0; i < redis_reply_count(jobs); i++) {
        struct job *job = leased_job(queue, commit, redis_reply_at(jobs, i), number);
        if (!job)
            return false;
        ct_list_push_back(&commit->jobs, &job->link);
        commit->job_count++;
    }
    return true;
}

static int64_t next_due(const struct commit_rules *rules, struct ct_str score)
{
    double number;

    if (!score.data || !ct_str_to_double(score, &number))
        return COMMIT_NEVER;
    number /= SCORE_FACTOR;
    number = rules->is_due_floored ? floor(number) : ceil(number);
    return number < 0x1p62 ? (int64_t)fmax(number, 0) : COMMIT_NEVER;
}

static void read_untold(const struct redis_reply *reply, struct commit *commit)
{
    struct ct_str id = redis_reply_str(redis_reply_at(reply, 0));

    if (!id.data)
        return;
    commit->untold_id = ct_strndup(id.data, id.len);
    problem_parse(redis_reply_str(redis_reply_at(reply, 1)), &commit->untold);
}

enum ct_code dialect_parse_commit(struct dialect_queue *queue, struct commit *commit,
                                  const struct redis_reply *reply, struct ct_error *err)
{
    uint64_t number = commit->token_first;

    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    if (redis_reply_count(reply) < 8 ||
        !parse_answers(queue, commit, redis_reply_at(reply, 1), &number) ||
        !parse_jobs(queue, commit, redis_reply_at(reply, 0), &number))
        return ct_error_set(err, CT_E_INTERNAL, "commit.lua answered what it should not");
    commit->next_due_ms = next_due(queue->rules, redis_reply_str(redis_reply_at(reply, 2)));
    commit->has_more_due = redis_reply_int(redis_reply_at(reply, 3), 0) == 1;
    commit->is_drained = redis_reply_int(redis_reply_at(reply, 4), 0) == 1;
    commit->rest_ms = redis_reply_int(redis_reply_at(reply, 5), 0);
    if (queue->rules->has_longest_rest &&
        commit->rest_ms > queue->settings.maximum_rate_limit_delay_ms)
        commit->rest_ms = queue->settings.maximum_rate_limit_delay_ms;
    commit->dropped_count = (uint32_t)redis_reply_int(redis_reply_at(reply, 6), 0);
    foreign_parse(redis_reply_str(redis_reply_at(reply, 7)), &commit->obstacle);
    dead_parse(redis_reply_at(reply, 8), &commit->dead_letters);
    read_untold(redis_reply_at(reply, 9), commit);
    return CT_E_OK;
}
