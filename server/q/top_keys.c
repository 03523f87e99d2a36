/* What keys do in top. Whatever changes something looks again at once. */
#include "q/top_keys.h"

#include "common/clock.h"
#include "dialect/shared/manage.h"
#include "q/queue_change.h"

/* --- what keys do --------------------------------------------------------------------------- */

static void say(struct live *live, const struct ct_error *err, const char *done)
{
    ct_buf_clear(&live->top.message);
    ct_buf_printf(&live->top.message, "%s",
                  err->code == CT_E_OK     ? done
                  : err->detail[0] != '\0' ? err->detail
                                           : ct_error_text(err->code));
}

static void toggle_pause(struct live *live)
{
    struct top_queue *queue = top_selected(&live->top);
    struct inspect_counts counts;
    struct ct_error err = {.code = CT_E_OK};

    if (!queue)
        return;
    err.code = queue_change_open(live->top.session, queue->name, &counts, &err);
    if (err.code == CT_E_OK)
        err.code = queue_change_pause(live->top.session, queue->name, !counts.is_paused, &err);
    say(live, &err, counts.is_paused ? "resumed" : "paused");
    live->is_due = true;
}

static const char *const results[] = {
    [MANAGE_DONE] = "done",
    [MANAGE_GONE] = "the job is gone",
    [MANAGE_WRONG_STATE] = "the job is not in that state any more",
    [MANAGE_HELD] = "a worker has the job",
    [MANAGE_SERIES] =
        "it is the next one of a repeatable job, whose series would end: see `job rm`",
    [MANAGE_LATER] = "the job was not found",
    [MANAGE_REFUSED] = "refused",
};

/* To the selected job; it is looked for where the page found it. */
static void do_deed(struct live *live, enum manage_deed deed)
{
    struct session *session = live->top.session;
    struct top_job *row = top_selected_job(&live->top);
    struct ct_error err = {.code = CT_E_OK};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    struct ct_list list;

    if (!session->dialect->manager || !row)
        return;
    struct manage_job job = {.id = ct_str_of(row->id)};
    struct manage_call call = {
        .queue = {session->settings->prefix, top_selected(&live->top)->name},
        .deed = deed,
        .has_place = true,
        .state = live->top.state,
        .offset = live->top.offset,
        .jobs = &list,
    };
    ct_list_init(&list);
    ct_list_init(&job.link);
    ct_list_push_back(&list, &job.link);
    redis_command_init(&command, NULL);
    manage_build_jobs(session->dialect, &call, ct_wall_ms(&ct_clock_system), &command);
    err.code = session_call(session, &command, &reply, &err);
    if (err.code == CT_E_OK)
        err.code = manage_parse_jobs(&call, reply, &err);
    if (err.code == CT_E_OK && job.result == MANAGE_REFUSED)
        err = job.err;
    say(live, &err, results[job.result]);
    redis_reply_free(reply);
    manage_job_fini(&job);
    live->is_due = true;
}

static bool takes_state(const struct manager *manager, enum manage_deed deed, uint32_t state)
{
    for (uint32_t i = 0; i < manager->states[deed].count; i++) {
        if (manager->states[deed].items[i] == state)
            return true;
    }
    return false;
}

static enum manage_deed deed_of(int key)
{
    return key == 'R' ? MANAGE_RETRY : MANAGE_REMOVE;
}

static void ask(struct live *live, char key, const char *question)
{
    const struct manager *manager = live->top.session->dialect->manager;
    const struct top_job *job = top_selected_job(&live->top);
    uint32_t state = live->top.state;

    if (!job || !manager)
        return;
    ct_buf_clear(&live->top.message);
    if (!takes_state(manager, deed_of(key), state)) {
        ct_buf_printf(&live->top.message, "cannot %s a job that is %s", question,
                      live->top.session->inspector->states[state].name);
        return;
    }
    live->top.question = key;
    ct_buf_printf(&live->top.message, "%s job %s? y/N", question, job->id);
}

static void answer(struct live *live, int key)
{
    enum manage_deed deed = deed_of(live->top.question);

    live->top.question = 0;
    ct_buf_clear(&live->top.message);
    if (key != 'y' && key != 'Y')
        return;
    do_deed(live, deed);
}

static void look_for_queues(struct live *live)
{
    struct ct_error err = {.code = CT_E_OK};

    err.code = top_find(&live->top, live->args, live->arg_count, &err);
    say(live, &err, "");
    live->is_due = true;
}

/* --- moving about --------------------------------------------------------------------------- */

static void move_selected(size_t *selected, size_t count, int64_t by)
{
    int64_t to = (int64_t)*selected + by;

    if (to >= (int64_t)count)
        to = (int64_t)count - 1;
    *selected = to > 0 ? (size_t)to : 0;
}

/* Past an end of the page comes the next one. */
static void move_job(struct live *live, int64_t by)
{
    struct top *top = &live->top;
    int64_t to = (int64_t)top->job_selected + by, rows = (int64_t)top_rows(&live->screen);

    if (rows > TOP_JOBS_MAX)
        rows = TOP_JOBS_MAX;
    if (to >= (int64_t)top->job_count && top->offset + (int64_t)top->job_count < top->total) {
        top->offset += (int64_t)top->job_count;
        top->job_selected = 0;
        live->is_due = true;
    } else if (to < 0 && top->offset > 0) {
        top->offset = top->offset > rows ? top->offset - rows : 0;
        top->job_selected = by == -1 ? (size_t)rows - 1 : 0;
        live->is_due = true;
    } else {
        move_selected(&top->job_selected, top->job_count, by);
    }
}

static void show_state(struct live *live, int64_t by)
{
    struct top *top = &live->top;
    uint32_t count = top->session->inspector->state_count;

    top->state = (uint32_t)(((int64_t)top->state + by + count) % count);
    top->offset = 0;
    top->job_selected = 0;
    live->is_due = true;
}

static void open_queue(struct live *live, bool is_open)
{
    if (is_open && !top_selected(&live->top))
        return;
    live->top.is_open = is_open;
    show_state(live, 0);
}

static int64_t step_of(const struct live *live, int key)
{
    int64_t rows = (int64_t)top_rows(&live->screen);

    switch (key) {
    case SCREEN_UP:
    case 'k':
        return -1;
    case SCREEN_DOWN:
    case 'j':
        return 1;
    case SCREEN_PAGE_UP:
        return -rows;
    case SCREEN_PAGE_DOWN:
        return rows;
    case SCREEN_HOME:
        return -TOP_QUEUES_MAX;
    case SCREEN_END:
        return TOP_QUEUES_MAX;
    default:
        return 0;
    }
}

static void on_list_key(struct live *live, int key)
{
    switch (key) {
    case SCREEN_ENTER:
    case SCREEN_RIGHT:
        open_queue(live, true);
        break;
    case 'p':
        toggle_pause(live);
        break;
    case 'r':
        look_for_queues(live);
        break;
    default:
        move_selected(&live->top.selected, live->top.count, step_of(live, key));
    }
}

static void on_job_key(struct live *live, int key)
{
    switch (key) {
    case SCREEN_ESCAPE:
    case SCREEN_BACK:
        open_queue(live, false);
        break;
    case SCREEN_LEFT:
        show_state(live, -1);
        break;
    case SCREEN_RIGHT:
    case '\t':
        show_state(live, 1);
        break;
    case 'R':
        ask(live, 'R', "retry");
        break;
    case 'X':
        ask(live, 'X', "remove");
        break;
    default:
        if (step_of(live, key) != 0)
            move_job(live, step_of(live, key));
    }
}

void live_key(struct live *live, int key)
{
    live->is_drawn = false;
    top_use_selected(&live->top);
    if (live->top.question) {
        answer(live, key);
        return;
    }
    ct_buf_clear(&live->top.message);
    if (key == 'q')
        live->is_over = true;
    else if (live->top.is_open)
        on_job_key(live, key);
    else
        on_list_key(live, key);
}
