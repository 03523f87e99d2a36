/* Pages of jobs and what of them matches; see the header. */
#include "q/job_walk.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/nearest.h"
#include "dialect/registry.h"
#include "q/job_data.h"
#include "q/job_text.h"

static void page_clear(struct job_page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        free(page->ids[i]);
    page->count = page->removed = 0;
}

enum ct_code job_walk_init(struct job_walk *walk, struct session *session, const char *queue,
                           const struct job_filter *filter, struct ct_error *err)
{
    enum ct_code rc;

    *walk = (struct job_walk){
        .session = session,
        .queue = queue,
        .filter = filter,
        .now_ms = ct_wall_ms(&ct_clock_system),
    };
    rc = reason_init(&walk->reason, filter->reason, err);
    if (rc != CT_E_OK)
        return rc;
    rc = job_data_check(&filter->data, err);
    if (rc == CT_E_OK)
        rc = session_need_queue(session, queue, &walk->counts, err);
    if (rc != CT_E_OK)
        job_walk_fini(walk);
    return rc;
}

void job_walk_fini(struct job_walk *walk)
{
    reason_fini(&walk->reason);
}

/* --- what matches --------------------------------------------------------------------------- */

/* As Bull's clean has it: the first of these that the job has. */
static int64_t moment_of(const struct job_walk *walk, const struct inspect_job *job)
{
    static const char *const names[] = {"finishedOn", "processedOn", "timestamp"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t at_ms = job_number(walk->session->inspector, job, names[i]);

        if (at_ms != 0)
            return at_ms;
    }
    return 0;
}

static bool has_name(const struct job_walk *walk, const struct inspect_job *job)
{
    struct ct_str name = job_field(walk->session->inspector, job, "name");

    return ct_str_is(name.len ? name : CT_STR_LIT("__default__"), walk->filter->name);
}

static bool asks_for_data(const struct job_filter *filter)
{
    return filter->data.count > 0 || filter->data_text;
}

static bool has_data(const struct job_walk *walk, const struct inspect_job *job)
{
    struct ct_str data = job_field(walk->session->inspector, job, "data");
    const char *text = walk->filter->data_text;

    return (!text || (data.data && memmem(data.data, data.len, text, strlen(text)))) &&
           job_data_matches(data, &walk->filter->data);
}

static bool matches(const struct job_walk *walk, const struct inspect_job *job)
{
    const struct job_filter *filter = walk->filter;

    if (job->is_missing)
        return walk->takes_missing && !filter->name && !filter->reason && filter->newer_ms == 0 &&
               !asks_for_data(filter);
    int64_t age_ms = walk->now_ms - moment_of(walk, job);
    return (filter->older_ms == 0 || age_ms > filter->older_ms) &&
           (filter->newer_ms == 0 || age_ms < filter->newer_ms) &&
           (!filter->name || has_name(walk, job)) &&
           reason_matches(&walk->reason,
                          job_field(walk->session->inspector, job, "failedReason")) &&
           (!asks_for_data(filter) || has_data(walk, job));
}

static bool is_full(const struct job_walk *walk)
{
    return walk->filter->limit > 0 && walk->matched >= walk->filter->limit;
}

static bool is_oldest_first(const struct job_walk *walk, uint32_t state)
{
    return !walk->is_by_state || walk->session->inspector->states[state].is_oldest_first;
}

/* Whether those behind this one need no look: they ended later still, or earlier. */
static bool is_past(const struct job_walk *walk, uint32_t state, const struct inspect_job *job)
{
    const struct job_filter *filter = walk->filter;
    int64_t ended_ms = job_number(walk->session->inspector, job, "finishedOn");
    int64_t age_ms = walk->now_ms - ended_ms;

    if (ended_ms <= 0)
        return false;
    return is_oldest_first(walk, state) ? filter->older_ms > 0 && age_ms <= filter->older_ms
                                        : filter->newer_ms > 0 && age_ms >= filter->newer_ms;
}

/* --- walking -------------------------------------------------------------------------------- */

struct reading {
    struct job_walk *walk;
    struct job_page *page;
    bool is_over; /* nothing that follows can match */
};

static void on_job(void *ctx, const struct inspect_job *job)
{
    struct reading *reading = ctx;
    struct job_walk *walk = reading->walk;
    struct job_page *page = reading->page;

    walk->seen++;
    if (!is_full(walk) && matches(walk, job)) {
        page->ids[page->count++] = ct_strndup(job->id.data, job->id.len);
        walk->matched++;
        if (walk->on_match)
            walk->on_match(walk->ctx, page->state, job);
    } else if (walk->session->inspector->states[page->state].is_by_end &&
               is_past(walk, page->state, job)) {
        reading->is_over = true;
    }
}

static enum ct_code read_page(struct job_walk *walk, struct reading *reading, int64_t left,
                              uint32_t *count, struct ct_error *err)
{
    const struct inspector *inspector = walk->session->inspector;
    struct queue_name name = {walk->session->settings->prefix, walk->queue};
    struct inspect_page asked = {
        .state = reading->page->state,
        .offset = reading->page->offset,
        .limit = left < INSPECT_PAGE_MAX ? (uint32_t)left : INSPECT_PAGE_MAX,
        .is_oldest_first = is_oldest_first(walk, reading->page->state),
        .has_bodies = walk->has_bodies || asks_for_data(walk->filter),
    };
    struct redis_reply *reply = NULL;
    struct redis_command command;
    int64_t total;

    *count = 0;
    redis_command_init(&command, NULL);
    inspect_build_page(inspector, &name, &asked, &command);
    enum ct_code rc = session_call(walk->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_page(inspector, &asked, reply, on_job, reading, count, &total, err);
    redis_reply_free(reply);
    return rc;
}

static enum ct_code walk_state(struct job_walk *walk, struct job_page *page, job_page_fn on_page,
                               void *ctx, struct ct_error *err)
{
    struct reading reading = {.walk = walk, .page = page};
    int64_t left = walk->counts.jobs[page->state];
    enum ct_code rc = CT_E_OK;

    page->offset = 0;
    while (rc == CT_E_OK && left > 0 && !reading.is_over && !is_full(walk)) {
        uint32_t count;

        rc = read_page(walk, &reading, left, &count, err);
        if (rc == CT_E_OK && page->count > 0)
            rc = on_page(ctx, page, err);
        if (rc == CT_E_OK && walk->progress)
            progress_show(walk->progress, walk->seen);
        if (rc == CT_E_OK)
            rc = progress_check(err);
        left -= count;
        page->offset += (int64_t)count - page->removed;
        page_clear(page);
        if (count == 0)
            break;
    }
    return rc;
}

enum ct_code job_walk_run(struct job_walk *walk, const uint32_t *states, uint32_t state_count,
                          job_page_fn on_page, void *ctx, struct ct_error *err)
{
    struct job_page *page = ct_zalloc(sizeof *page);
    enum ct_code rc = CT_E_OK;

    walk->seen = walk->matched = 0;
    for (uint32_t i = 0; i < state_count && rc == CT_E_OK; i++) {
        page->state = states[i];
        rc = walk_state(walk, page, on_page, ctx, err);
    }
    page_clear(page);
    free(page);
    return rc;
}

/* --- counting ------------------------------------------------------------------------------- */

static enum ct_code only_count(void *ctx, struct job_page *page, struct ct_error *err)
{
    return CT_E_OK;
}

enum ct_code job_walk_count(struct job_walk *walk, const uint32_t *states, uint32_t state_count,
                            int64_t *out, struct ct_error *err)
{
    const struct job_filter *filter = walk->filter;
    enum ct_code rc;

    *out = 0;
    if (filter->name || filter->reason || asks_for_data(filter) || filter->older_ms > 0 ||
        filter->newer_ms > 0) {
        rc = job_walk_run(walk, states, state_count, only_count, NULL, err);
        *out = walk->matched;
        return rc;
    }
    for (uint32_t i = 0; i < state_count; i++)
        *out += walk->counts.jobs[states[i]];
    if (filter->limit > 0 && *out > filter->limit)
        *out = filter->limit;
    return CT_E_OK;
}

/* --- states --------------------------------------------------------------------------------- */

static bool find_state(const struct inspector *inspector, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < inspector->state_count; i++) {
        if (strcmp(inspector->states[i].name, name) != 0)
            continue;
        *out = i;
        return true;
    }
    return false;
}

static enum ct_code check_state(const char *name, struct ct_error *err)
{
    const struct dialect *dialect;
    struct ct_nearest nearest;
    uint32_t ignored;

    ct_nearest_init(&nearest, name);
    for (size_t i = 0; (dialect = dialect_at(i)); i++) {
        if (find_state(dialect->inspector, name, &ignored))
            return CT_E_OK;
        for (uint32_t s = 0; s < dialect->inspector->state_count; s++)
            ct_nearest_offer(&nearest, dialect->inspector->states[s].name);
    }
    if (nearest.best)
        return ct_error_set(err, CT_E_USAGE, "--state %s: did you mean \"%s\"?", name,
                            nearest.best);
    return ct_error_set(err, CT_E_USAGE, "--state %s: there is no such state", name);
}

enum ct_code job_walk_check_states(const struct ct_option_list *names, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < names->count && rc == CT_E_OK; i++)
        rc = check_state(names->items[i], err);
    return rc;
}

enum ct_code job_walk_state(const struct session *session, const char *name, uint32_t *out,
                            struct ct_error *err)
{
    enum ct_code rc = check_state(name, err);

    if (rc == CT_E_OK && !find_state(session->inspector, name, out))
        rc =
            ct_error_set(err, CT_E_USAGE, "--state %s: a queue of the dialect %s has no such state",
                         name, session->dialect->name);
    return rc;
}
