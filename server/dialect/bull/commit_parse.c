/* Reads what commit.lua answered (its head lists the results) into the commit. Called by the
 * engine; a reply of another shape is an error, never a crash. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/bull/options.h"
#include "dialect/bull/parts.h"

#define SCORE_FACTOR 4096

/* Codes of the scripts. */
#define ANSWER_FAILED       1
#define ANSWER_MISSING      (-1)
#define ANSWER_LOCK_GONE    (-2)
#define ANSWER_NOT_ACTIVE   (-3)
#define ANSWER_LOCK_FOREIGN (-6)

/* Fields of a job (inc/job.lua). */
enum job_field {
    JOB_NAME,
    JOB_DATA,
    JOB_OPTS,
    JOB_TIMESTAMP,
    JOB_STALLED,
    JOB_ATTEMPTS,
    JOB_STACKTRACE,
    JOB_ID,
    JOB_TOKEN,       /* of a job that was active before */
    JOB_PROCESSED_ON /* likewise */
};

/* --- jobs --- */

static char *broken_text(const char *what, struct ct_str id, const struct ct_error *err)
{
    return ct_asprintf("The %s of job %.*s cannot be used: %s", what, (int)id.len, id.data,
                       err->detail);
}

/* A handler under preventParsingData sees the text that is stored, as a string. */
static struct ct_str data_as_string(struct ct_str data, struct ct_buf *scratch)
{
    ct_json_append_string(scratch, data);
    return ct_buf_str(scratch);
}

struct job *bull_job_parse(const struct redis_reply *reply, struct ct_str token)
{
    struct job_options options = {.on_complete = {-1, -1}, .on_fail = {-1, -1}};
    struct ct_str field[JOB_ID];
    struct ct_error err;
    struct ct_buf scratch;
    char *broken = NULL;

    struct ct_str id = redis_reply_str(redis_reply_at(reply, JOB_ID));
    if (!id.data)
        return NULL;
    for (int i = JOB_NAME; i < JOB_ID; i++)
        field[i] = redis_reply_str(redis_reply_at(reply, i));
    if (field[JOB_NAME].len == 0)
        field[JOB_NAME] = CT_STR_LIT("__default__");
    if (field[JOB_DATA].len == 0)
        field[JOB_DATA] = CT_STR_LIT("{}");
    if (field[JOB_OPTS].len == 0)
        field[JOB_OPTS] = CT_STR_LIT("{}");

    ct_buf_init(&scratch);
    if (options_read(field[JOB_OPTS], &options, &err) != CT_E_OK)
        broken = broken_text("options", id, &err);
    else if (options.keeps_data_text)
        field[JOB_DATA] = data_as_string(field[JOB_DATA], &scratch);
    else if (ct_json_check(field[JOB_DATA], &err) != CT_E_OK)
        broken = broken_text("data", id, &err);

    struct job *job = job_new(&(struct job_texts){.id = id,
                                                  .name = field[JOB_NAME],
                                                  .data = field[JOB_DATA],
                                                  .opts = field[JOB_OPTS],
                                                  .token = token,
                                                  .stacktrace = field[JOB_STACKTRACE]});
    ct_buf_free(&scratch);
    options_apply(job, &options);
    job->broken = broken;
    job->timestamp_ms = redis_reply_int(redis_reply_at(reply, JOB_TIMESTAMP), 0);
    job->processed_on_ms = redis_reply_int(redis_reply_at(reply, JOB_PROCESSED_ON), 0);
    job->stalled_counter = redis_reply_int(redis_reply_at(reply, JOB_STALLED), 0);
    int64_t attempts = redis_reply_int(redis_reply_at(reply, JOB_ATTEMPTS), 0);
    job->attempts_made = attempts > 0 && attempts < UINT32_MAX ? (uint32_t)attempts : 0;
    return job;
}

/* The next job that this commit leased; *number is that of its token and counts up. */
static struct job *leased_job(const struct commit *commit, const struct redis_reply *reply,
                              uint64_t *number)
{
    char token[256];
    int len =
        snprintf(token, sizeof token, "%s:%llu", commit->token_base, (unsigned long long)*number);

    if (len >= (int)sizeof token)
        return NULL;
    struct job *job = bull_job_parse(reply, (struct ct_str){token, (size_t)len});
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
    default:
        return CT_E_REDIS_ERROR;
    }
}

static bool answer_take(const struct commit *commit, struct effect *effect,
                        const struct redis_reply *what, uint64_t *number)
{
    if (effect->leased) /* answered twice */
        return false;
    if (redis_reply_is_array(what)) {
        effect->leased = effect->kind == EFFECT_ADOPT ? bull_job_parse(what, effect->extra)
                                                      : leased_job(commit, what, number);
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
    else
        effect->code = answer_code(code);
    return code != 0;
}

static bool parse_answers(const struct commit *commit, const struct redis_reply *answers,
                          uint64_t *number)
{
    struct effect *effects[COMMIT_EFFECTS_MAX];
    size_t count = 0;

    CT_LIST_FOREACH (node, &commit->effects) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);
        if (count == COMMIT_EFFECTS_MAX)
            return false;
        effect->code = CT_E_OK;
        effect->is_failed = false;
        effects[count++] = effect;
    }
    for (size_t i = 0; i + 1 < redis_reply_count(answers); i += 2) {
        int64_t place = redis_reply_int(redis_reply_at(answers, i), 0);
        if (place < 1 || place > (int64_t)count ||
            !answer_take(commit, effects[place - 1], redis_reply_at(answers, i + 1), number))
            return false;
    }
    return true;
}

static bool parse_jobs(struct commit *commit, const struct redis_reply *jobs, uint64_t *number)
{
    for (size_t i = 0; i < redis_reply_count(jobs); i++) {
        struct job *job = leased_job(commit, redis_reply_at(jobs, i), number);
        if (!job)
            return false;
        ct_list_push_back(&commit->jobs, &job->link);
        commit->job_count++;
    }
    return true;
}

static int64_t next_due(struct ct_str score)
{
    double number;

    if (!score.data || !ct_str_to_double(score, &number))
        return COMMIT_NEVER;
    number = ceil(number / SCORE_FACTOR);
    return number < 0x1p62 ? (int64_t)fmax(number, 0) : COMMIT_NEVER;
}

enum ct_code bull_parse_commit(struct dialect_queue *queue, struct commit *commit,
                               const struct redis_reply *reply, struct ct_error *err)
{
    uint64_t number = commit->token_first;

    (void)queue;
    enum ct_code rc = redis_reply_check(reply, err);
    if (rc != CT_E_OK)
        return rc;
    if (redis_reply_count(reply) < 8 || !parse_answers(commit, redis_reply_at(reply, 1), &number) ||
        !parse_jobs(commit, redis_reply_at(reply, 0), &number))
        return ct_error_set(err, CT_E_INTERNAL, "commit.lua answered what it should not");
    commit->next_due_ms = next_due(redis_reply_str(redis_reply_at(reply, 2)));
    commit->has_more_due = redis_reply_int(redis_reply_at(reply, 3), 0) == 1;
    commit->is_drained = redis_reply_int(redis_reply_at(reply, 4), 0) == 1;
    commit->rest_ms = redis_reply_int(redis_reply_at(reply, 5), 0);
    commit->dropped_count = (uint32_t)redis_reply_int(redis_reply_at(reply, 6), 0);
    foreign_parse(redis_reply_str(redis_reply_at(reply, 7)), &commit->obstacle);
    dead_parse(redis_reply_at(reply, 8), &commit->dead_letters);
    return CT_E_OK;
}
