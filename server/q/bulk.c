/* Happy path: what matches is counted, the user says yes, and a walk hands the jobs over page by
 * page, a call each. A job is done or not, never half: whatever the end of the program leaves is
 * found by the same command again. Jobs that a worker has, that are gone or somewhere else by then,
 * or that cannot be done are left and told. */
#include "q/bulk.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "dialect/shared/manage.h"
#include "q/bulk_report.h"
#include "q/progress.h"

struct bulk {
    struct job_walk walk;
    const struct bulk_plan *plan;
    const struct manager *manager;
    const char *queue;
    struct progress progress;
    struct bulk_report report;
};

/* --- which ---------------------------------------------------------------------------------- */

static enum ct_code check_choice(const struct bulk_choice *choice, size_t id_count,
                                 struct ct_error *err)
{
    const struct job_filter *filter = &choice->filter;
    bool has_filter = filter->name || filter->reason || filter->older_ms || filter->newer_ms ||
                      filter->limit || filter->data.count > 0 || filter->data_text ||
                      choice->states.count > 0 || choice->is_all;

    if (id_count > 0 && has_filter)
        return ct_error_set(err, CT_E_USAGE, "ids or a filter say which jobs, not both");
    if (id_count == 0 && !has_filter)
        return ct_error_set(err, CT_E_USAGE, "which jobs? Give ids, a filter, or --all");
    return CT_E_OK;
}

static void add_states(const struct manage_states *states, uint32_t *out, uint32_t *count)
{
    for (uint32_t i = 0; i < states->count; i++)
        out[(*count)++] = states->items[i];
}

static enum ct_code find_states(const struct bulk *bulk, uint32_t *out, uint32_t *count,
                                struct ct_error *err)
{
    const struct ct_option_list *names = &bulk->plan->choice->states;
    const struct manager *manager = bulk->manager;
    enum ct_code rc = CT_E_OK;

    *count = 0;
    if (bulk->plan->manner == MANAGE_AS_DRAIN) {
        add_states(&manager->drained, out, count);
        if (bulk->plan->takes_delayed)
            add_states(&manager->states[MANAGE_PROMOTE], out, count);
        return CT_E_OK;
    }
    if (names->count > INSPECT_STATES_MAX)
        return ct_error_set(err, CT_E_USAGE, "--state is there more than %d times",
                            INSPECT_STATES_MAX);
    for (size_t i = 0; i < names->count && rc == CT_E_OK; i++)
        rc = job_walk_state(bulk->walk.session, names->items[i], &out[(*count)++], err);
    if (names->count == 0)
        add_states(&manager->states[bulk->plan->deed], out, count);
    return rc;
}

/* --- doing it ------------------------------------------------------------------------------- */

static enum ct_code call_once(struct bulk *bulk, struct manage_call *call, struct ct_error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_command command;

    redis_command_init(&command, NULL);
    manage_build_jobs(bulk->walk.session->dialect, call, ct_wall_ms(&ct_clock_system), &command);
    enum ct_code rc = session_call(bulk->walk.session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = manage_parse_jobs(call, reply, err);
    else if (session_may_be_done(rc))
        ct_error_wrap(err, "the last jobs may or may not have been %s, run it again to go on",
                      bulk_report_deed(bulk->plan->deed));
    redis_reply_free(reply);
    return rc;
}

/* Asks again for those that were not found yet or that were too many for one call. */
static enum ct_code call_all(struct bulk *bulk, struct manage_call *call, struct ct_error *err)
{
    struct ct_list *jobs = call->jobs;
    struct ct_list done;
    enum ct_code rc = CT_E_OK;

    ct_list_init(&done);
    while (rc == CT_E_OK && !ct_list_is_empty(jobs)) {
        rc = progress_check(err);
        if (rc == CT_E_OK)
            rc = call_once(bulk, call, err);
        CT_LIST_FOREACH_SAFE (node, following, jobs) {
            struct manage_job *job = CT_CONTAINER(node, struct manage_job, link);

            if (rc == CT_E_OK && job->result != MANAGE_LATER) {
                ct_list_remove(&job->link);
                ct_list_push_back(&done, &job->link);
                bulk_report_take(&bulk->report, job);
            }
        }
        progress_show(&bulk->progress, bulk->report.counts[MANAGE_DONE]);
    }
    ct_list_append(jobs, &done);
    return rc;
}

/* `page` NULL: ids from the command line. */
static enum ct_code act(struct bulk *bulk, const char *const *ids, uint32_t count,
                        struct job_page *page, struct ct_error *err)
{
    const struct bulk_plan *plan = bulk->plan;
    struct manage_job jobs[MANAGE_IDS_MAX];
    struct ct_list list;
    struct manage_call call = {
        .queue = {bulk->walk.session->settings->prefix, bulk->queue},
        .deed = plan->deed,
        .target = plan->target,
        .resets_attempts = plan->resets_attempts,
        .takes_series = plan->takes_series,
        .manner = plan->manner,
        .tree = plan->tree,
        .has_place = page != NULL,
        .state = page ? page->state : 0,
        .offset = page ? page->offset : 0,
        .jobs = &list,
    };

    ct_list_init(&list);
    for (uint32_t i = 0; i < count; i++) {
        jobs[i] = (struct manage_job){.id = ct_str_of(ids[i])};
        ct_list_init(&jobs[i].link);
        ct_list_push_back(&list, &jobs[i].link);
    }
    enum ct_code rc = call_all(bulk, &call, err);
    for (uint32_t i = 0; i < count; i++) {
        /* What could not be found where it was is in another state by now. */
        if (page && rc == CT_E_OK)
            page->removed += jobs[i].result == MANAGE_DONE || jobs[i].result == MANAGE_WRONG_STATE;
        manage_job_fini(&jobs[i]);
    }
    return rc;
}

static enum ct_code act_on_page(void *ctx, struct job_page *page, struct ct_error *err)
{
    _Static_assert(INSPECT_PAGE_MAX <= MANAGE_IDS_MAX, "one call does a whole page");

    return act(ctx, (const char *const *)page->ids, page->count, page, err);
}

static enum ct_code act_on_ids(struct bulk *bulk, const char *const *ids, size_t id_count,
                               struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < id_count && rc == CT_E_OK; i += MANAGE_IDS_MAX) {
        size_t left = id_count - i;

        rc = act(bulk, ids + i, left < MANAGE_IDS_MAX ? (uint32_t)left : MANAGE_IDS_MAX, NULL, err);
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* A queue of another dialect would not know what to make of these jobs. */
static enum ct_code check_target(struct bulk *bulk, struct ct_error *err)
{
    struct session *session = bulk->walk.session;
    const struct dialect *dialect = session->dialect;
    const char *target = bulk->plan->target;
    struct inspect_counts counts;

    if (!target)
        return CT_E_OK;
    if (strcmp(target, bulk->queue) == 0)
        return ct_error_set(err, CT_E_USAGE, "%s: that is the queue that they are in", target);
    enum ct_code rc = session_resolve_target(session, target, err);
    if (rc == CT_E_OK)
        rc = session_check_change(session, target, err);
    if (rc == CT_E_OK && session->dialect != dialect)
        rc = ct_error_set(err, CT_E_UNSUPPORTED,
                          "queue \"%s\" is of the dialect %s, queue \"%s\" of %s", target,
                          session->dialect->name, bulk->queue, dialect->name);
    if (rc == CT_E_OK)
        rc = session_counts(session, target, &counts, err);
    bulk->report.is_new_target = rc == CT_E_OK && !counts.exists;
    return rc;
}

static enum ct_code start(struct bulk *bulk, struct session *session, size_t id_count,
                          struct ct_error *err)
{
    enum ct_code rc = check_choice(bulk->plan->choice, id_count, err);

    if (rc == CT_E_OK)
        rc = job_walk_init(&bulk->walk, session, bulk->queue, &bulk->plan->choice->filter, err);
    if (rc != CT_E_OK)
        return rc;
    bulk->walk.takes_missing = bulk->plan->deed == MANAGE_REMOVE;
    bulk->manager = session->dialect->manager;
    if (!bulk->manager)
        rc = ct_error_set(err, CT_E_UNSUPPORTED,
                          "queues of the dialect %s cannot be changed by hand yet",
                          session->dialect->name);
    if (rc == CT_E_OK && bulk->plan->tree != MANAGE_ALONE && !bulk->manager->has_trees)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "jobs of the dialect %s have no children",
                          session->dialect->name);
    if (rc == CT_E_OK)
        rc = session_check_change(session, bulk->queue, err);
    if (rc == CT_E_OK)
        rc = check_target(bulk, err);
    if (rc != CT_E_OK)
        job_walk_fini(&bulk->walk);
    return rc;
}

/* Only a filter makes this long. */
static enum ct_code count(struct bulk *bulk, const uint32_t *states, uint32_t state_count,
                          struct ct_error *err)
{
    struct job_walk *walk = &bulk->walk;
    struct progress progress = {.deed = "looked at"};

    for (uint32_t i = 0; i < state_count; i++)
        progress.total += walk->counts.jobs[states[i]];
    walk->progress = &progress;
    enum ct_code rc = job_walk_count(walk, states, state_count, &bulk->report.wanted, err);
    progress_end(&progress);
    walk->progress = NULL;
    return rc;
}

static enum ct_code count_and_ask(struct bulk *bulk, const uint32_t *states, uint32_t state_count,
                                  size_t id_count, bool *is_go, struct ct_error *err)
{
    struct confirm_settings confirming = *bulk->plan->confirm;
    struct ct_buf what;
    enum ct_code rc = CT_E_OK;

    if (id_count > 0)
        bulk->report.wanted = (int64_t)id_count;
    else
        rc = count(bulk, states, state_count, err);
    if (rc != CT_E_OK)
        return rc;
    /* Who names single jobs means them; only what cannot be taken back is asked about. */
    if (id_count > 0 && bulk->plan->deed != MANAGE_REMOVE)
        confirming.is_yes = true;
    ct_buf_init(&what);
    bulk_report_tell(&bulk->report, &what);
    return confirm(&confirming, bulk->report.wanted, &what, is_go, err);
}

enum ct_code bulk_run(struct session *session, const char *queue, const char *const *ids,
                      size_t id_count, const struct bulk_plan *plan, struct ct_error *err)
{
    struct bulk *bulk = ct_zalloc(sizeof *bulk);
    uint32_t states[INSPECT_STATES_MAX], state_count;
    bool is_go = false;

    bulk->plan = plan;
    bulk->queue = queue;
    bulk_report_init(&bulk->report, session->settings, queue, plan);
    enum ct_code rc = start(bulk, session, id_count, err);
    if (rc != CT_E_OK)
        goto out;
    rc = find_states(bulk, states, &state_count, err);
    if (rc == CT_E_OK)
        rc = count_and_ask(bulk, states, state_count, id_count, &is_go, err);
    if (rc == CT_E_OK) {
        /* Until here a signal may end it anywhere. */
        progress_catch_signals();
        bulk->progress =
            (struct progress){.deed = bulk_report_deed(plan->deed), .total = bulk->report.wanted};
        if (is_go && id_count > 0)
            rc = act_on_ids(bulk, ids, id_count, err);
        else if (is_go)
            rc = job_walk_run(&bulk->walk, states, state_count, act_on_page, bulk, err);
        progress_end(&bulk->progress);
        bulk_report_end(&bulk->report);
    }
    if (rc == CT_E_OK && is_go)
        rc = bulk_report_judge(&bulk->report, id_count > 0, err);
    job_walk_fini(&bulk->walk);
out:
    bulk_report_fini(&bulk->report);
    free(bulk);
    return rc;
}
