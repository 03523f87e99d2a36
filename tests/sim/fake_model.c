/* The queue in memory behind the fake dialect, and the carrying out of calls on it. */
#include "tests/sim/fake_dialect.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

struct model *model_new(const struct ct_clock *clock)
{
    struct model *model = ct_zalloc(sizeof *model);

    model->clock = clock;
    model->lock_ms = 30000;
    model->stalled_max = 1;
    model->promote_max = COMMIT_PROMOTE_MAX;
    for (int i = 0; i < PLACES; i++)
        ct_list_init(&model->places[i]);
    return model;
}

void model_free(struct model *model)
{
    for (uint32_t i = 0; i < model->job_count; i++)
        free(model->jobs[i]);
    free(model->jobs);
    free(model);
}

struct fake_job *model_add(struct model *model)
{
    struct fake_job *job = ct_zalloc(sizeof *job);

    if (model->job_count == model->job_cap) {
        model->job_cap = model->job_cap ? model->job_cap * 2 : 64;
        model->jobs = ct_realloc(model->jobs, model->job_cap * sizeof *model->jobs);
    }
    model->jobs[model->job_count++] = job;
    snprintf(job->id, sizeof job->id, "%u", model->job_count);
    ct_list_init(&job->link);
    model_move(model, job, IN_WAIT, false);
    return job;
}

struct fake_job *model_find(const struct model *model, const char *id)
{
    const unsigned long number = strtoul(id, NULL, 10);

    return number >= 1 && number <= model->job_count ? model->jobs[number - 1] : NULL;
}

void model_move(struct model *model, struct fake_job *job, enum place place, bool to_front)
{
    ct_list_remove(&job->link);
    job->place = place;
    job->is_marked = false;
    if (to_front)
        ct_list_push_front(&model->places[place], &job->link);
    else
        ct_list_push_back(&model->places[place], &job->link);
    if (place == IN_COMPLETED || place == IN_FAILED)
        job->finish_count++;
    model->marker |= place == IN_WAIT;
    model->due_marker |= place == IN_DELAYED;
}

void model_end_child(struct model *model, struct fake_job *job, bool has_failed)
{
    ct_assert(job->children_pending > 0);
    job->children_pending--;
    job->children_failed += has_failed;
    if (job->place == IN_WAITING_CHILDREN && job->children_pending == 0)
        model_move(model, job, IN_WAIT, true);
}

bool model_is_locked(const struct model *model, const struct fake_job *job)
{
    return job->token[0] && job->locked_until_ms > ct_monotonic_ms(model->clock);
}

uint32_t model_count(const struct model *model, enum place place)
{
    uint32_t count = 0;

    CT_LIST_FOREACH (node, &model->places[place])
        count++;
    return count;
}

static struct fake_job *first_in(struct model *model, enum place place)
{
    if (ct_list_is_empty(&model->places[place]))
        return NULL;
    return CT_CONTAINER(model->places[place].next, struct fake_job, link);
}

static void lock(struct model *model, struct fake_job *job, const char *token)
{
    if (token != job->token)
        snprintf(job->token, sizeof job->token, "%s", token);
    job->locked_until_ms = ct_monotonic_ms(model->clock) + model->lock_ms;
    job->is_marked = false;
}

static void activate(struct fake_call *call, struct fake_job *job)
{
    char token[FAKE_TOKEN_MAX];

    snprintf(token, sizeof token, "%s:%llu", call->token_base,
             (unsigned long long)call->token_next++);
    lock(call->model, job, token);
    job->activation++;
}

static void answer_job(struct fake_call *call, struct fake_job *job)
{
    ct_assert(call->result_count < FAKE_RESULTS_MAX);
    snprintf(call->tokens[call->result_count], FAKE_TOKEN_MAX, "%s", job->token);
    call->jobs[call->result_count++] = job;
}

/* --- effects ---------------------------------------------------------------------------------- */

static enum ct_code check_lock(const struct model *model, const struct fake_job *job,
                               const struct fake_effect *effect)
{
    if (model_is_locked(model, job) && strcmp(job->token, effect->token) == 0)
        return job->place == IN_ACTIVE ? CT_E_OK : CT_E_NOT_ACTIVE;
    return CT_E_LOCK_LOST;
}

static void end_job(struct model *model, struct fake_job *job, struct fake_effect *effect)
{
    job->token[0] = '\0';
    snprintf(job->ended_token, sizeof job->ended_token, "%s", effect->token);
    job->ended_kind = effect->kind;
    effect->is_failed = effect->has_last && ++job->crashes >= FAKE_CRASHES_MAX;
    switch (effect->is_failed ? EFFECT_FAIL : effect->kind) {
    case EFFECT_COMPLETE:
    case EFFECT_FAIL:
        snprintf(job->value, sizeof job->value, "%s", effect->value);
        model_move(model, job, effect->kind == EFFECT_COMPLETE ? IN_COMPLETED : IN_FAILED, false);
        break;
    case EFFECT_RETRY:
        model_move(model, job, IN_WAIT, false);
        break;
    case EFFECT_DELAY:
    case EFFECT_POSTPONE:
        job->due_ms = effect->due_ms;
        model_move(model, job, IN_DELAYED, false);
        break;
    case EFFECT_AWAIT:
        effect->is_ready = job->children_pending == 0;
        model_move(model, job, effect->is_ready ? IN_WAIT : IN_WAITING_CHILDREN, true);
        break;
    case EFFECT_STALL:
        effect->is_failed = ++job->stalled > model->stalled_max;
        model_move(model, job, effect->is_failed ? IN_FAILED : IN_WAIT, true);
        break;
    default:
        model_move(model, job, IN_WAIT, true);
        break;
    }
    if (effect->kind == EFFECT_RELEASE && effect->due_ms > 0)
        model->limited_ms = effect->due_ms;
    if (effect->kind <= EFFECT_DELAY)
        job->attempts = effect->attempts;
}

/* Whether its children do not let a job end so. */
static bool children_refuse(const struct fake_job *job, struct fake_effect *effect)
{
    if (effect->kind != EFFECT_COMPLETE && effect->kind != EFFECT_AWAIT)
        return false;
    effect->is_final = job->children_failed > 0;
    return effect->is_final || (effect->kind == EFFECT_COMPLETE && job->children_pending > 0);
}

static void run_outcome(struct model *model, struct fake_job *job, struct fake_effect *effect)
{
    effect->code = check_lock(model, job, effect);
    if (effect->code == CT_E_OK && children_refuse(job, effect))
        effect->code = CT_E_CHILDREN;
    else if (effect->code == CT_E_OK)
        end_job(model, job, effect);
    else if (effect->is_resent && strcmp(job->ended_token, effect->token) == 0 &&
             job->ended_kind == effect->kind) {
        effect->code = CT_E_OK;
        effect->is_failed = effect->has_last && job->place == IN_FAILED;
        effect->is_ready = effect->kind == EFFECT_AWAIT && job->place != IN_WAITING_CHILDREN;
    }
}

static void run_note(struct model *model, struct fake_job *job, struct fake_effect *effect)
{
    const uint32_t number = (uint32_t)strtoul(effect->value, NULL, 10);

    effect->code = CT_E_OK; /* like Bull: no lock is asked for */
    job->note_count++;
    if (effect->is_resent)
        return;
    if (strcmp(job->ended_token, effect->token) == 0)
        job->late_notes++;
    if (number < job->last_note)
        job->notes_are_disordered = true;
    job->last_note = number;
}

static void run_renew(struct model *model, struct fake_job *job, struct fake_effect *effect)
{
    const bool is_ours = strcmp(job->token, effect->token) == 0;
    const bool is_free = !model_is_locked(model, job);

    effect->code = CT_E_LOCK_LOST;
    if (job->place != IN_ACTIVE || job->activation != effect->activation)
        return;
    if (!is_ours && !is_free)
        return;
    lock(model, job, effect->token);
    effect->code = CT_E_OK;
}

static void run_adopt(struct model *model, struct fake_job *job, struct fake_effect *effect)
{
    effect->code = CT_E_LOCK_LOST;
    if (job->place != IN_ACTIVE)
        return;
    if (model_is_locked(model, job) && strcmp(job->token, effect->value) != 0)
        return;
    lock(model, job, effect->value);
    if (strcmp(job->ended_token, effect->value) == 0)
        job->ended_token[0] = '\0'; /* it begins again */
    effect->leased = job;
    effect->code = CT_E_OK;
}

static void run_take(struct fake_call *call, struct fake_job *job, struct fake_effect *effect)
{
    struct model *model = call->model;

    effect->code = CT_E_NOT_ACTIVE;
    if (job->place != IN_ACTIVE || (model_is_locked(model, job) && !model->take_steals))
        return;
    if (job->is_missing) {
        effect->code = CT_E_JOB_MISSING;
        model_move(model, job, IN_FAILED, false);
        return;
    }
    effect->code = CT_E_OK;
    if (effect->kind == EFFECT_UNTAKE) {
        model_move(model, job, IN_WAIT, true);
        return;
    }
    activate(call, job);
    effect->leased = job;
    snprintf(effect->token, sizeof effect->token, "%s", job->token);
}

static bool is_refused(struct fake_job *job, enum effect_kind kind)
{
    const bool is_note = kind == EFFECT_PROGRESS || kind == EFFECT_LOG || kind == EFFECT_UPDATE;

    if (job->refusal == CT_E_OK || (job->only_notes_are_refused && !is_note))
        return false;
    job->was_refused = true;
    return true;
}

static void run_effect(struct fake_call *call, struct fake_effect *effect)
{
    struct model *model = call->model;
    struct fake_job *job = model_find(model, effect->id);

    if (job && model->is_obstructed && effect->kind <= EFFECT_STALL) {
        effect->code = CT_E_REDIS_TYPE;
        call->is_obstructed = true;
        return;
    }
    if (effect->kind == EFFECT_UNTAKE && !effect->id[0]) {
        ct_assert(model->has_markers);
        model->marker = true;
        return;
    }
    if (!job || is_refused(job, effect->kind)) {
        effect->code = job ? job->refusal : CT_E_JOB_MISSING;
        return;
    }
    switch (effect->kind) {
    case EFFECT_RENEW:
        run_renew(model, job, effect);
        break;
    case EFFECT_PROGRESS:
    case EFFECT_LOG:
    case EFFECT_UPDATE:
        run_note(model, job, effect);
        break;
    case EFFECT_TAKE:
    case EFFECT_UNTAKE:
        run_take(call, job, effect);
        break;
    case EFFECT_ADOPT:
        run_adopt(model, job, effect);
        break;
    case EFFECT_SCHEDULE:
        job->schedule_count++;
        effect->code = CT_E_OK;
        break;
    default:
        run_outcome(model, job, effect);
        break;
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static void run_promotion(struct fake_call *call)
{
    struct model *model = call->model;
    uint32_t count = 0;

    model->promote_count++;
    CT_LIST_FOREACH_SAFE (node, following, &model->places[IN_DELAYED]) {
        struct fake_job *job = CT_CONTAINER(node, struct fake_job, link);

        if (job->due_ms <= call->now_ms && count < model->promote_max) {
            count++;
            model_move(model, job, IN_WAIT, false);
        } else if (job->due_ms < call->next_due_ms) {
            call->next_due_ms = job->due_ms;
        }
    }
    call->has_more_due = call->next_due_ms <= call->now_ms;
}

static void run_fetch(struct fake_call *call)
{
    struct model *model = call->model;
    struct fake_job *job;

    if (model->rest_once_ms > 0) {
        call->rest_ms = model->rest_once_ms;
        model->rest_once_ms = 0;
        return;
    }
    ct_assert(!model->has_markers || call->promote);
    for (uint32_t i = 0; i < call->fetch_max; i++) {
        job = first_in(model, IN_WAIT);
        if (!job) {
            call->is_drained = true;
            model->drained_count += call->token_next == call->token_first;
            return;
        }
        if (job->is_missing) {
            model_move(model, job, IN_FAILED, false);
            continue;
        }
        model_move(model, job, IN_ACTIVE, false);
        activate(call, job);
        answer_job(call, job);
        model->marker = true; /* for the next one who waits */
    }
}

static void run_sweep(struct fake_call *call)
{
    struct model *model = call->model;

    const int64_t now_ms = ct_monotonic_ms(model->clock);

    model->sweep_count++;
    if (model->swept_at_ms != 0 && now_ms < model->swept_at_ms + model->stalled_interval_ms)
        return; /* somebody has looked lately */
    model->swept_at_ms = now_ms;
    CT_LIST_FOREACH_SAFE (node, following, &model->places[IN_ACTIVE]) {
        struct fake_job *job = CT_CONTAINER(node, struct fake_job, link);

        if (!job->is_marked || model_is_locked(model, job)) {
            job->is_marked = true;
            continue;
        }
        job->token[0] = '\0';
        if (++job->stalled > model->stalled_max) {
            call->sweep.failed_count++;
            model_move(model, job, IN_FAILED, false);
        } else {
            call->sweep.recovered_count++;
            model_move(model, job, IN_WAIT, true);
        }
    }
}

static void run_reclaim(struct fake_call *call)
{
    struct model *model = call->model;

    model->reclaim_count++;
    CT_LIST_FOREACH (node, &model->places[IN_ACTIVE]) {
        struct fake_job *job = CT_CONTAINER(node, struct fake_job, link);

        if (model_is_locked(model, job) &&
            strncmp(job->token, call->token_base, strlen(call->token_base)) == 0)
            answer_job(call, job);
    }
}

static void run_marked_wait(struct fake_call *call)
{
    struct model *model = call->model;

    if (model->marker) {
        call->has_work = true;
        model->marker = false;
    } else if (model->due_marker) {
        CT_LIST_FOREACH (node, &model->places[IN_DELAYED]) {
            const struct fake_job *job = CT_CONTAINER(node, struct fake_job, link);

            if (job->due_ms < call->told_due_ms)
                call->told_due_ms = job->due_ms;
        }
        model->due_marker = false;
    }
}

static void run_wait(struct fake_call *call)
{
    struct fake_job *job = first_in(call->model, IN_WAIT);

    if (call->model->has_markers) {
        run_marked_wait(call);
        return;
    }
    if (!job)
        return;
    model_move(call->model, job, IN_ACTIVE, false);
    snprintf(call->id, sizeof call->id, "%s", job->id);
}

void fake_run(struct fake_call *call)
{
    call->is_garbled = call->model->is_garbled;
    call->model->is_garbled = false;
    switch (call->kind) {
    case FAKE_COMMIT:
        for (uint32_t i = 0; i < call->effect_count; i++)
            run_effect(call, &call->effects[i]);
        if (call->promote)
            run_promotion(call);
        if (call->fetch_max > 0 && !call->is_obstructed)
            run_fetch(call);
        else if (call->tell_drained)
            call->model->drained_count += !first_in(call->model, IN_WAIT);
        break;
    case FAKE_WAIT:
        run_wait(call);
        break;
    case FAKE_SWEEP:
        run_sweep(call);
        break;
    case FAKE_RECLAIM:
        run_reclaim(call);
        break;
    case FAKE_ADD:
        call->first_added = call->model->job_count + 1;
        for (uint32_t i = 0; i < call->add_count; i++)
            model_add(call->model);
        break;
    case FAKE_CHILDREN:
        call->child_count = model_find(call->model, call->id)->children_pending;
        break;
    }
}
