/* What top shows. The counts of all queues are asked for in one go. Rates come from them, for
 * nothing: the counter of ids tells what was added, and what was added and is not there any more
 * has ended. So jobs that are removed by hand count as ended, and a retried one as neither. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "q/job_rows.h"
#include "q/job_text.h"
#include "q/queues.h"
#include "q/top.h"
#include "q/workers.h"

static void jobs_clear(struct top *top)
{
    for (size_t i = 0; i < top->job_count; i++) {
        free(top->jobs[i].id);
        free(top->jobs[i].name);
        free(top->jobs[i].detail);
    }
    top->job_count = 0;
}

static void queues_free(struct top_queue *queues, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(queues[i].name);
    free(queues);
}

void top_fini(struct top *top)
{
    jobs_clear(top);
    queues_free(top->queues, top->count);
    ct_buf_free(&top->message);
}

struct top_queue *top_selected(struct top *top)
{
    return top->selected < top->count ? &top->queues[top->selected] : NULL;
}

void top_use_selected(struct top *top)
{
    const struct top_queue *queue = top_selected(top);

    if (queue)
        session_use(top->session, queue->dialect);
}

struct top_job *top_selected_job(struct top *top)
{
    return top->job_selected < top->job_count ? &top->jobs[top->job_selected] : NULL;
}

/* --- queues --------------------------------------------------------------------------------- */

/* Takes what is known of the queue with this name. */
static void inherit(struct top *top, struct top_queue *queue)
{
    for (size_t i = 0; i < top->count; i++) {
        struct top_queue *old = &top->queues[i];

        if (old->name && strcmp(old->name, queue->name) == 0) {
            free(queue->name);
            *queue = *old;
            old->name = NULL;
            return;
        }
    }
}

/* Whose they are; a queue that nothing is known of yet is asked about again at the next look for
 * queues. */
static enum ct_code resolve(struct top *top, const struct session_names *names,
                            struct top_queue *queues, size_t count, struct ct_error *err)
{
    struct queues_dialect *dialects = ct_zalloc((count + 1) * sizeof *dialects);
    enum ct_code rc = session_ready(top->session, err);

    if (rc == CT_E_OK)
        queues_resolve(top->session, (const char *const *)names->items, count, dialects);
    for (size_t i = 0; i < count && rc == CT_E_OK; i++) {
        if (dialects[i].dialect)
            queues[i].dialect = dialects[i].dialect;
        else
            rc = ct_error_set(err, dialects[i].err.code, "%s", dialects[i].err.detail);
    }
    free(dialects);
    return rc;
}

enum ct_code top_find(struct top *top, const char *const *args, size_t arg_count,
                      struct ct_error *err)
{
    struct session_names names = {0};
    enum ct_code rc = queues_of(top->session, args, arg_count, &names, err);
    struct top_queue *queues;
    size_t count;

    if (rc != CT_E_OK)
        return rc;
    count = names.count < TOP_QUEUES_MAX ? names.count : TOP_QUEUES_MAX;
    queues = ct_zalloc((count + 1) * sizeof *queues);
    rc = resolve(top, &names, queues, count, err);
    if (rc != CT_E_OK) {
        free(queues);
        session_names_free(&names);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        const struct dialect *dialect = queues[i].dialect;

        queues[i] = (struct top_queue){
            .name = ct_strdup(names.items[i]), .workers = -1, .in = -1, .out = -1};
        inherit(top, &queues[i]);
        queues[i].dialect = dialect;
    }
    queues_free(top->queues, top->count);
    top->queues = queues;
    top->count = count;
    session_names_free(&names);
    return CT_E_OK;
}

/* --- counts and rates ----------------------------------------------------------------------- */

struct asked {
    struct top_queue *queue;
    const struct inspector *inspector;
    size_t *pending;
};

static int64_t unfinished(const struct inspect_counts *counts, const struct inspector *inspector)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < inspector->state_count; i++)
        sum += inspector->states[i].is_by_end ? 0 : counts->jobs[i];
    return sum;
}

static void take_counts(struct asked *asked, const struct inspect_counts *counts)
{
    struct top_queue *queue = asked->queue;
    int64_t now_ms = ct_monotonic_ms(&ct_clock_system);
    double seconds = (double)(now_ms - queue->counted_ms) / 1000;

    queue->in = queue->out = -1;
    if (queue->counted_ms > 0 && seconds > 0) {
        int64_t added = counts->added_count - queue->counts.added_count;
        int64_t ended = added - unfinished(counts, asked->inspector) +
                        unfinished(&queue->counts, asked->inspector);

        queue->in = added > 0 ? (double)added / seconds : 0;
        queue->out = ended > 0 ? (double)ended / seconds : 0;
    }
    queue->counts = *counts;
    queue->counted_ms = now_ms;
}

static void on_counts(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct asked *asked = arg;
    struct inspect_counts counts;

    --*asked->pending;
    if (err)
        asked->queue->err = *err;
    else if (inspect_parse_counts(asked->inspector, reply, &counts, &asked->queue->err) == CT_E_OK)
        take_counts(asked, &counts);
}

static void on_backlog(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct asked *asked = arg;

    --*asked->pending;
    if (err)
        asked->queue->err = *err;
    else
        asked->queue->err.code =
            inspect_parse_backlog(reply, &asked->queue->backlog, &asked->queue->err);
}

static void look_at_queues(struct top *top)
{
    struct asked *asked = ct_zalloc((top->count + 1) * sizeof *asked);
    size_t pending = 0;

    for (size_t i = 0; i < top->count; i++) {
        const struct queue_name name = {top->session->settings->prefix, top->queues[i].name};
        struct redis_command command;

        asked[i] = (struct asked){&top->queues[i], top->queues[i].dialect->inspector, &pending};
        top->queues[i].err.code = CT_E_OK;
        redis_command_init(&command, NULL);
        inspect_build_counts(asked[i].inspector, &name, &command);
        redis_link_call(top->session->link, &command, on_counts, &asked[i]);
        redis_command_fini(&command);
        redis_command_init(&command, NULL);
        inspect_build_backlog(asked[i].inspector, &name, ct_wall_ms(&ct_clock_system), &command);
        redis_link_call(top->session->link, &command, on_backlog, &asked[i]);
        redis_command_fini(&command);
        pending += 2;
    }
    session_wait(top->session, &pending);
    free(asked);
}

/* Also makes sure that the connection is there before all are asked at once. */
static enum ct_code look_at_workers(struct top *top, struct ct_error *err)
{
    struct redis_reply *list = NULL;
    enum ct_code rc = workers_list(top->session, &list, err);

    for (size_t i = 0; i < top->count && rc == CT_E_OK; i++) {
        session_use(top->session, top->queues[i].dialect);
        rc = workers_count(top->session, list, top->queues[i].name, &top->queues[i].workers, err);
    }
    redis_reply_free(list);
    return rc;
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void on_job(void *ctx, const struct inspect_job *job)
{
    struct top *top = ctx;
    const struct inspector *inspector = top->session->inspector;
    struct top_job *row = &top->jobs[top->job_count++];
    struct ct_str name = job_field(inspector, job, "name");
    struct ct_buf detail;

    ct_buf_init(&detail);
    job_rows_append_detail(&detail, inspector, &top->look, job);
    *row = (struct top_job){
        .id = ct_strndup(job->id.data, job->id.len),
        .name = ct_strndup(name.data ? name.data : "", name.len),
        .detail = ct_buf_take(&detail, NULL),
        .added_ms = job_number(inspector, job, "timestamp"),
        .attempts = job_number(inspector, job, "attemptsMade"),
    };
}

static enum ct_code look_at_jobs(struct top *top, size_t rows, struct ct_error *err)
{
    const struct inspector *inspector = top->session->inspector;
    const struct queue_name name = {top->session->settings->prefix, top_selected(top)->name};
    struct inspect_page page = {
        .state = top->state,
        .offset = top->offset,
        .limit = (uint32_t)(rows < TOP_JOBS_MAX ? rows : TOP_JOBS_MAX),
        .is_oldest_first = inspector->states[top->state].is_oldest_first,
    };
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;
    uint32_t count;

    redis_command_init(&command, NULL);
    inspect_build_page(inspector, &name, &page, &command);
    rc = session_call(top->session, &command, &reply, err);
    jobs_clear(top);
    if (rc == CT_E_OK)
        rc = inspect_parse_page(inspector, &page, reply, on_job, top, &count, &top->total, err);
    redis_reply_free(reply);
    return rc;
}

void top_look(struct top *top, size_t rows)
{
    struct ct_error err = {.code = CT_E_OK};

    top->look.now_ms = ct_wall_ms(&ct_clock_system);
    err.code = look_at_workers(top, &err);
    if (err.code == CT_E_OK)
        look_at_queues(top);
    top_use_selected(top);
    if (err.code == CT_E_OK && top->is_open && top_selected(top) && rows > 0)
        err.code = look_at_jobs(top, rows, &err);
    top->err = err;
    if (err.code == CT_E_OK)
        top->looked_ms = ct_monotonic_ms(&ct_clock_system);
}
