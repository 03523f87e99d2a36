/* The table of the fake dialect: building calls and reading their results. */
#include "tests/sim/fake_dialect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

static struct model *model_in_use;

void model_use(struct model *model)
{
    model_in_use = model;
}

/* --- calls in commands ------------------------------------------------------------------------ */

static struct fake_call *call_new(struct dialect_queue *queue, enum fake_kind kind,
                                  struct redis_command *command)
{
    struct fake_call *call = ct_zalloc(sizeof *call);

    call->kind = kind;
    call->model = (struct model *)queue;
    call->next_due_ms = call->told_due_ms = COMMIT_NEVER;
    ct_buf_append(&command->body, &call, sizeof call);
    command->argc = 1;
    return call;
}

struct fake_call *fake_call_of(const struct redis_command *command)
{
    struct fake_call *call;

    ct_assert(command->body.len == sizeof call);
    memcpy(&call, ct_buf_data(&command->body), sizeof call);
    return call;
}

void fake_call_free(struct fake_call *call)
{
    free(call->effects);
    free(call);
}

static struct fake_call *read_call(const struct redis_reply *reply, enum fake_kind kind)
{
    struct fake_call *call = (struct fake_call *)(uintptr_t)reply;

    ct_assert(call->kind == kind);
    return call;
}

static enum ct_code check_garbled(const struct fake_call *call, struct ct_error *err)
{
    if (call->is_garbled)
        return ct_error_set(err, CT_E_INTERNAL, "the reply is garbled");
    return CT_E_OK;
}

static void put(char *to, size_t size, struct ct_str text)
{
    snprintf(to, size, "%.*s", (int)text.len, text.data ? text.data : "");
}

/* --- commits ---------------------------------------------------------------------------------- */

static void copy_effect(struct fake_effect *to, const struct effect *effect)
{
    const bool has_id_in_value = effect->kind == EFFECT_TAKE || effect->kind == EFFECT_UNTAKE ||
                                 effect->kind == EFFECT_ADOPT;

    to->kind = effect->kind;
    to->is_resent = effect->is_resent;
    to->has_last = effect->last != NULL;
    to->due_ms = effect->due_ms;
    to->attempts = effect->attempts_made;
    if (has_id_in_value) {
        put(to->id, sizeof to->id, effect->value);
        put(to->value, sizeof to->value, effect->extra);
        return;
    }
    put(to->id, sizeof to->id, effect->job->id);
    put(to->token, sizeof to->token, effect->job->token);
    put(to->value, sizeof to->value, effect->value);
    to->activation = effect->job->processed_on_ms;
}

static void build_commit(struct dialect_queue *queue, const struct commit *commit,
                         struct redis_command *command)
{
    struct fake_call *call = call_new(queue, FAKE_COMMIT, command);

    call->effects = ct_zalloc((commit->effect_count + 1) * sizeof *call->effects);
    CT_LIST_FOREACH (node, &commit->effects)
        copy_effect(&call->effects[call->effect_count++], CT_CONTAINER(node, struct effect, link));
    ct_assert(call->effect_count == commit->effect_count);
    call->fetch_max = commit->fetch_max;
    call->promote = commit->promote;
    call->tell_drained = commit->tell_drained;
    call->token_first = commit->token_first;
    call->now_ms = commit->now_ms;
    call->token_next = commit->token_first;
    snprintf(call->token_base, sizeof call->token_base, "%s", commit->token_base);
}

static struct job *make_job(const struct fake_job *fake, const char *token)
{
    const struct job_texts texts = {
        .id = ct_str_of(fake->id),
        .name = CT_STR_LIT("work"),
        .data = ct_str_of(fake->data ? fake->data : "{}"),
        .opts = CT_STR_LIT("{}"),
        .token = ct_str_of(token),
    };
    struct job *job = job_new(&texts);

    job->processed_on_ms = fake->activation;
    job->stalled_counter = fake->stalled;
    job->attempts_made = fake->attempts;
    job->is_repeat = fake->is_repeat;
    if (fake->is_broken)
        job->broken = ct_strdup("its data is not JSON");
    return job;
}

static void add_jobs(struct commit *commit, const struct fake_call *call)
{
    for (uint32_t i = 0; i < call->result_count; i++) {
        ct_list_push_back(&commit->jobs, &make_job(call->jobs[i], call->tokens[i])->link);
        commit->job_count++;
    }
}

static enum ct_code parse_commit(struct dialect_queue *queue, struct commit *commit,
                                 const struct redis_reply *reply, struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_COMMIT);
    const struct fake_effect *from = call->effects;

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    CT_LIST_FOREACH (node, &commit->effects) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);

        effect->code = from->code;
        effect->is_failed = from->is_failed;
        effect->is_ready = from->is_ready;
        effect->is_final = from->is_final;
        if (from->code == CT_E_CHILDREN)
            effect->refusal = ct_asprintf("job %s has children", from->id);
        if (from->leased)
            effect->leased =
                make_job(from->leased, from->kind == EFFECT_ADOPT ? from->value : from->token);
        from++;
    }
    add_jobs(commit, call);
    commit->is_drained = call->is_drained;
    commit->next_due_ms = call->next_due_ms;
    commit->has_more_due = call->has_more_due;
    commit->rest_ms = call->rest_ms;
    if (call->is_obstructed)
        ct_error_set(&commit->obstacle, CT_E_REDIS_TYPE, "completed is a string, not a zset");
    return CT_E_OK;
}

/* --- the other calls -------------------------------------------------------------------------- */

static void build_wait(struct dialect_queue *queue, struct redis_command *command)
{
    call_new(queue, FAKE_WAIT, command);
}

static enum ct_code parse_wait(struct dialect_queue *queue, const struct redis_reply *reply,
                               struct ct_str *id, bool *has_work, int64_t *due_ms,
                               struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_WAIT);

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    *id = call->id[0] ? ct_str_of(call->id) : CT_STR_NONE;
    *has_work = call->has_work;
    *due_ms = call->told_due_ms;
    return CT_E_OK;
}

static void build_sweep(struct dialect_queue *queue, int64_t now_ms, struct redis_command *command)
{
    call_new(queue, FAKE_SWEEP, command);
}

static enum ct_code parse_sweep(struct dialect_queue *queue, const struct redis_reply *reply,
                                struct sweep *out, struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_SWEEP);

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    *out = call->sweep;
    return CT_E_OK;
}

static void build_reclaim(struct dialect_queue *queue, const char *token_base,
                          struct redis_command *command)
{
    struct fake_call *call = call_new(queue, FAKE_RECLAIM, command);

    snprintf(call->token_base, sizeof call->token_base, "%s", token_base);
}

static enum ct_code parse_reclaim(struct dialect_queue *queue, struct commit *commit,
                                  const struct redis_reply *reply, struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_RECLAIM);

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    add_jobs(commit, call);
    return CT_E_OK;
}

static void build_add(struct dialect_queue *queue, struct ct_list *adds, int64_t now_ms,
                      const struct ct_random *random, struct redis_command *command)
{
    struct fake_call *call;
    uint32_t count = 0;

    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = CT_CONTAINER(node, struct job_add, link);

        if (ct_str_is(add->name, "bad"))
            ct_error_set(&add->err, CT_E_INVALID, "a bad job");
        else
            count++;
    }
    if (count == 0)
        return;
    call = call_new(queue, FAKE_ADD, command);
    call->add_count = count;
}

static enum ct_code parse_add(struct dialect_queue *queue, struct ct_list *adds,
                              const struct redis_reply *reply, struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_ADD);
    uint32_t number = call->first_added;

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = CT_CONTAINER(node, struct job_add, link);

        if (add->err.code == CT_E_OK)
            add->id = ct_asprintf("%" PRIu32, number++);
    }
    return CT_E_OK;
}

static void build_children(struct dialect_queue *queue, const struct children_query *query,
                           struct redis_command *command)
{
    struct fake_call *call = call_new(queue, FAKE_CHILDREN, command);

    put(call->id, sizeof call->id, query->id);
}

static enum ct_code parse_children(struct dialect_queue *queue, struct children_query *query,
                                   const struct redis_reply *reply, struct ct_error *err)
{
    const struct fake_call *call = read_call(reply, FAKE_CHILDREN);

    if (check_garbled(call, err) != CT_E_OK)
        return err->code;
    query->child_count = call->child_count;
    query->children = ct_zalloc((call->child_count + 1) * sizeof *query->children);
    return CT_E_OK;
}

/* --- decisions -------------------------------------------------------------------------------- */

static struct effect *judge(struct dialect_queue *queue, const struct job *job,
                            const struct failure *failure, int64_t now_ms,
                            const struct ct_random *random)
{
    enum effect_kind kind = EFFECT_RETRY;
    struct effect *effect;

    if (failure->is_unrecoverable || job->attempts_made >= 2)
        kind = EFFECT_FAIL;
    else if (failure->has_delay && failure->delay_ms > 0)
        kind = EFFECT_DELAY;
    effect = effect_new(kind, failure->reason, CT_STR_NONE);
    effect->attempts_made = job->attempts_made + 1;
    effect->due_ms = now_ms + failure->delay_ms;
    if (failure->is_crash && kind != EFFECT_FAIL)
        effect->last = effect_new(EFFECT_FAIL, failure->reason, CT_STR_NONE);
    return effect;
}

static enum ct_code schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                             struct effect **out, struct ct_error *err)
{
    if (strcmp(job->id.data, "1") == 0 && job->attempts_made > 0)
        return ct_error_set(err, CT_E_INVALID, "bad cron");
    *out = effect_new(EFFECT_SCHEDULE, CT_STR_NONE, CT_STR_NONE);
    (*out)->plan = ct_strdup("a plan");
    return CT_E_OK;
}

static void configure(struct dialect_queue *queue, const struct queue_settings *settings)
{
    struct model *model = (struct model *)queue;

    model->lock_ms = settings->lock_duration_ms;
    model->stalled_interval_ms = settings->stalled_interval_ms;
}

static enum ct_code open_fake(const struct queue_name *name, const struct queue_settings *settings,
                              struct dialect_queue **out, struct ct_error *err)
{
    if (!model_in_use)
        return ct_error_set(err, CT_E_INVALID, "no model in use");
    configure((struct dialect_queue *)model_in_use, settings);
    *out = (struct dialect_queue *)model_in_use;
    return CT_E_OK;
}

static void close_fake(struct dialect_queue *queue)
{
}

static const char *client_name(const struct dialect_queue *queue)
{
    return "fake";
}

static const char *wake_channel(const struct dialect_queue *queue)
{
    return "fake:delayed";
}

static int64_t parse_wake(const struct dialect_queue *queue, struct ct_str payload)
{
    int64_t due_ms;

    return ct_str_to_int(payload, &due_ms) ? due_ms : COMMIT_NEVER;
}

static enum ct_code open_marking(const struct queue_name *name,
                                 const struct queue_settings *settings, struct dialect_queue **out,
                                 struct ct_error *err)
{
    enum ct_code rc = open_fake(name, settings, out, err);

    if (rc == CT_E_OK)
        model_in_use->has_markers = true;
    return rc;
}

#define FAKE_MEMBERS                                                                         \
    .close = close_fake, .configure = configure, .client_name = client_name,                 \
    .wake_channel = wake_channel, .parse_wake = parse_wake, .build_commit = build_commit,    \
    .parse_commit = parse_commit, .build_wait = build_wait, .parse_wait = parse_wait,        \
    .build_sweep = build_sweep, .parse_sweep = parse_sweep, .build_reclaim = build_reclaim,  \
    .parse_reclaim = parse_reclaim, .judge = judge, .schedule = schedule, .free_plan = free, \
    .build_add = build_add, .parse_add = parse_add

const struct dialect fake_dialect = {.name = "fake", .open = open_fake, FAKE_MEMBERS};
const struct dialect fake_marking_dialect = {
    .name = "marking",
    .open = open_marking,
    .promotes_always = true,
    .build_children = build_children,
    .parse_children = parse_children,
    FAKE_MEMBERS,
};
