/* Pages of a dead-letter queue and what of them matches; see the header. */
#include "q/dead.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "dialect/shared/letter.h"
#include "q/job_text.h"

int64_t dead_letter_moment(const struct dead_letter *letter)
{
    return letter->finished_ms ? letter->finished_ms : letter->timestamp_ms;
}

void dead_page_clear(struct dead_page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        free(page->items[i].id);
        dead_letter_fini(&page->items[i].letter);
    }
    *page = (struct dead_page){.count = 0};
}

enum ct_code dead_walk_init(struct dead_walk *walk, struct session *session, const char *queue,
                            const struct dead_filter *filter, struct ct_error *err)
{
    enum ct_code rc;

    *walk = (struct dead_walk){
        .session = session,
        .queue = queue,
        .filter = filter,
        .now_ms = ct_wall_ms(&ct_clock_system),
    };
    rc = reason_init(&walk->reason, filter->reason, err);
    if (rc != CT_E_OK)
        return rc;
    rc = session_need_queue(session, queue, &walk->counts, err);
    walk->keeper = session->dialect->dead_keeper;
    if (rc == CT_E_OK && !walk->keeper)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "queues of the dialect %s have no dead letters",
                          session->dialect->name);
    if (rc != CT_E_OK)
        dead_walk_fini(walk);
    return rc;
}

void dead_walk_fini(struct dead_walk *walk)
{
    reason_fini(&walk->reason);
}

static bool matches(const struct dead_walk *walk, const struct dead_letter *letter)
{
    const struct dead_filter *filter = walk->filter;
    int64_t age_ms = walk->now_ms - dead_letter_moment(letter);

    return (!filter->name || strcmp(filter->name, letter->name) == 0) &&
           (!filter->origin || strcmp(filter->origin, letter->queue) == 0) &&
           (filter->older_ms == 0 || age_ms > filter->older_ms) &&
           (filter->newer_ms == 0 || age_ms < filter->newer_ms) &&
           reason_matches(&walk->reason, letter->reason);
}

static bool is_full(const struct dead_walk *walk)
{
    return walk->filter->limit > 0 && walk->matched >= walk->filter->limit;
}

/* False when the job is no letter. */
static bool offer(struct dead_walk *walk, const struct inspect_job *job, struct dead_page *page)
{
    const struct inspector *inspector = walk->session->inspector;
    struct dead_item *item = &page->items[page->count];

    if (job->is_missing || !letter_read(job_field(inspector, job, "data"), &item->letter))
        return false;
    if (is_full(walk) || !matches(walk, &item->letter)) {
        dead_letter_fini(&item->letter);
        return true;
    }
    item->id = ct_strndup(job->id.data, job->id.len);
    page->count++;
    walk->matched++;
    return true;
}

struct reading {
    struct dead_walk *walk;
    struct dead_page *page;
};

static void on_job(void *ctx, const struct inspect_job *job)
{
    struct reading *reading = ctx;

    reading->walk->seen++;
    if (!offer(reading->walk, job, reading->page))
        reading->walk->foreign++;
}

static enum ct_code read_page(struct dead_walk *walk, struct inspect_page *asked,
                              struct dead_page *page, uint32_t *count, struct ct_error *err)
{
    const struct inspector *inspector = walk->session->inspector;
    struct queue_name name = {walk->session->settings->prefix, walk->queue};
    struct reading reading = {walk, page};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    int64_t total;

    *count = 0;
    redis_command_init(&command, NULL);
    inspect_build_page(inspector, &name, asked, &command);
    enum ct_code rc = session_call(walk->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_page(inspector, asked, reply, on_job, &reading, count, &total, err);
    redis_reply_free(reply);
    return rc;
}

static enum ct_code walk_state(struct dead_walk *walk, uint32_t state, dead_page_fn on_page,
                               void *ctx, struct dead_page *page, struct ct_error *err)
{
    struct inspect_page asked = {.state = state, .is_oldest_first = true, .has_bodies = true};
    int64_t left = walk->counts.jobs[state];
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && left > 0 && !is_full(walk)) {
        uint32_t count;

        asked.limit = left < INSPECT_PAGE_MAX ? (uint32_t)left : INSPECT_PAGE_MAX;
        rc = read_page(walk, &asked, page, &count, err);
        if (rc == CT_E_OK && page->count > 0) {
            page->has_place = true;
            page->state = state;
            page->offset = asked.offset;
            rc = on_page(ctx, page, err);
        }
        left -= count;
        asked.offset += (int64_t)count - page->removed;
        dead_page_clear(page);
        if (count == 0)
            break;
    }
    return rc;
}

enum ct_code dead_walk_run(struct dead_walk *walk, const uint32_t *states, uint32_t state_count,
                           dead_page_fn on_page, void *ctx, struct ct_error *err)
{
    struct dead_page *page = ct_zalloc(sizeof *page);
    enum ct_code rc = CT_E_OK;

    walk->seen = walk->foreign = walk->matched = 0;
    for (uint32_t i = 0; i < state_count && rc == CT_E_OK; i++)
        rc = walk_state(walk, states[i], on_page, ctx, page, err);
    free(page);
    return rc;
}

enum ct_code dead_walk_find(struct dead_walk *walk, const char *id, struct dead_page *page,
                            struct ct_error *err)
{
    const struct inspector *inspector = walk->session->inspector;
    struct queue_name name = {walk->session->settings->prefix, walk->queue};
    struct inspect_found found;
    struct redis_reply *reply = NULL;
    struct redis_command command;

    redis_command_init(&command, NULL);
    inspect_build_job(inspector, &name, ct_str_of(id), 0, &command);
    enum ct_code rc = session_call(walk->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_job(inspector, reply, ct_str_of(id), &found, err);
    if (rc == CT_E_OK && !found.exists)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", walk->queue, id);
    else if (rc == CT_E_OK && !offer(walk, &found.job, page))
        rc = ct_error_set(err, CT_E_CONFLICT, "job \"%s\" of queue \"%s\" is no dead letter", id,
                          walk->queue);
    redis_reply_free(reply);
    return rc;
}
