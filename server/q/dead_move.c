/* Happy path: a first walk counts what matches and where it goes, the user says yes, a second walk
 * moves it, a chunk a call. Each letter moves in one atomic step, so nothing is lost or doubled by
 * a signal, a kill or a lost reply: whatever was not moved is still a dead letter. Letters that
 * somebody works on, that are gone by then, or whose job cannot be added are left and told. */
#include "q/dead_move.h"

#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/random.h"
#include "dialect/shared/letter.h"
#include "q/dead_tally.h"
#include "q/progress.h"
#include "q/view.h"

#define REFUSALS_MAX   10 /* told one by one */
#define PACES_A_SECOND 10

struct mover {
    struct dead_walk walk;
    const struct dead_plan *plan;
    struct dead_tally tally;
    int64_t moved, gone, held, refused, missing;
    int64_t next_call_ms; /* monotonic */
    struct progress progress;
    struct view view;
};

static const char *target_of(const struct mover *mover, const struct dead_item *item)
{
    if (!mover->plan->is_redrive)
        return NULL;
    return mover->plan->to ? mover->plan->to : item->letter.queue;
}

static const char *deed(const struct mover *mover)
{
    return mover->plan->is_redrive ? "redriven" : "removed";
}

static enum ct_code count_page(void *ctx, struct dead_page *page, struct ct_error *err)
{
    struct mover *mover = ctx;

    for (uint32_t i = 0; i < page->count; i++)
        dead_tally_add(&mover->tally, target_of(mover, &page->items[i]));
    return progress_check(err);
}

/* --- moving --------------------------------------------------------------------------------- */

static void wait_turn(struct mover *mover, uint32_t count)
{
    int64_t now_ms = ct_monotonic_ms(&ct_clock_system);

    if (mover->plan->rate == 0)
        return;
    while (now_ms < mover->next_call_ms && !progress_is_stopped()) {
        int64_t rest_ms = mover->next_call_ms - now_ms;
        struct timespec rest = {rest_ms / 1000, (rest_ms % 1000) * 1000000};

        nanosleep(&rest, NULL); /* a signal ends it early */
        now_ms = ct_monotonic_ms(&ct_clock_system);
    }
    mover->next_call_ms = now_ms + (int64_t)count * 1000 / mover->plan->rate;
}

static void note_refusal(struct mover *mover, const struct dead_move *move)
{
    struct ct_buf line;

    if (mover->refused++ >= REFUSALS_MAX)
        return;
    ct_buf_init(&line);
    ct_buf_printf(&line, "letter %.*s stays: %s", (int)move->id.len, move->id.data,
                  move->err.detail[0] ? move->err.detail : ct_error_text(move->err.code));
    confirm_say(&line);
}

static void note_moved(struct mover *mover, const struct dead_move *move, const char *target)
{
    mover->moved++;
    view_row(&mover->view);
    view_text(&mover->view, "id", move->id);
    if (target) {
        view_text(&mover->view, "queue", ct_str_of(target));
        view_text(&mover->view, "newId", ct_str_of(move->new_id ? move->new_id : ""));
    }
    view_row_end(&mover->view);
}

static enum ct_code call(struct mover *mover, const struct dead_call *chunk, struct ct_error *err)
{
    struct dead_walk *walk = &mover->walk;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc = CT_E_OK;

    redis_command_init(&command, NULL);
    letter_build_move(walk->session->dialect, chunk, ct_wall_ms(&ct_clock_system),
                      &ct_random_system, &command);
    if (command.argc > 0)
        rc = session_call(walk->session, &command, &reply, err);
    if (rc == CT_E_OK && reply)
        rc = letter_parse_move(chunk, reply, err);
    else if (session_may_be_done(rc))
        ct_error_wrap(err, "the last letters may or may not have been %s, run it again to go on",
                      deed(mover));
    redis_reply_free(reply);
    redis_command_fini(&command);
    return rc;
}

/* Asks for those that were not looked for, until there are none: each call gets at least one. */
static enum ct_code call_all(struct mover *mover, struct dead_call *chunk, struct ct_error *err)
{
    struct ct_list done;
    enum ct_code rc = CT_E_OK;

    ct_list_init(&done);
    while (rc == CT_E_OK && !ct_list_is_empty(chunk->moves)) {
        rc = call(mover, chunk, err);
        CT_LIST_FOREACH_SAFE (node, following, chunk->moves) {
            struct dead_move *move = CT_CONTAINER(node, struct dead_move, link);

            if (rc == CT_E_OK && move->result != DEAD_LATER) {
                ct_list_remove(&move->link);
                ct_list_push_back(&done, &move->link);
            }
        }
        chunk->has_place = false;
    }
    ct_list_append(chunk->moves, &done);
    return rc;
}

static void take_results(struct mover *mover, struct dead_page *page, const struct dead_call *chunk)
{
    CT_LIST_FOREACH_SAFE (node, following, chunk->moves) {
        struct dead_move *move = CT_CONTAINER(node, struct dead_move, link);

        if (move->result == DEAD_MOVED)
            note_moved(mover, move, chunk->target);
        else if (move->result == DEAD_REFUSED)
            note_refusal(mover, move);
        mover->gone += move->result == DEAD_GONE;
        mover->held += move->result == DEAD_HELD;
        page->removed += move->result != DEAD_REFUSED; /* held: somewhere else by now */
    }
}

/* How many letters one call takes: all at once, or a tenth of a second's. */
static uint32_t chunk_max(const struct mover *mover)
{
    int64_t paced = (mover->plan->rate + PACES_A_SECOND - 1) / PACES_A_SECOND;

    return mover->plan->rate == 0 || paced > DEAD_MOVES_MAX ? DEAD_MOVES_MAX : (uint32_t)paced;
}

static bool fits(const struct mover *mover, const struct dead_item *item, const char *target,
                 const bool *is_done, size_t bytes, uint32_t count)
{
    const char *its = target_of(mover, item);

    return !*is_done && (count == 0 || bytes + item->letter.text.len <= DEAD_BYTES_MAX) &&
           count < chunk_max(mover) && (its == target || strcmp(its, target) == 0);
}

/* One chunk: the letters from `first` on that have the same target. */
static enum ct_code move_chunk(struct mover *mover, struct dead_page *page, uint32_t first,
                               bool *is_done, struct ct_error *err)
{
    const char *target = target_of(mover, &page->items[first]);
    struct dead_move moves[DEAD_MOVES_MAX];
    struct ct_list list;
    struct dead_call chunk = {
        .dead = {mover->walk.session->settings->prefix, mover->walk.queue},
        .target = target,
        .has_place = page->has_place,
        .state = page->state,
        .offset = page->offset,
        .moves = &list,
    };
    uint32_t count = 0;
    size_t bytes = 0;

    ct_list_init(&list);
    for (uint32_t i = first; i < page->count; i++) {
        struct dead_item *item = &page->items[i];

        if (!fits(mover, item, target, &is_done[i], bytes, count))
            continue;
        is_done[i] = true;
        bytes += item->letter.text.len;
        moves[count] = (struct dead_move){.id = ct_str_of(item->id), .letter = &item->letter};
        ct_list_init(&moves[count].link);
        ct_list_push_back(&list, &moves[count++].link);
    }
    wait_turn(mover, count);
    enum ct_code rc = progress_check(err);
    if (rc == CT_E_OK)
        rc = call_all(mover, &chunk, err);
    if (rc == CT_E_OK)
        take_results(mover, page, &chunk);
    for (uint32_t i = 0; i < count; i++)
        dead_move_fini(&moves[i]);
    progress_show(&mover->progress, mover->moved);
    return rc;
}

static enum ct_code move_page(void *ctx, struct dead_page *page, struct ct_error *err)
{
    struct mover *mover = ctx;
    bool is_done[INSPECT_PAGE_MAX] = {false};
    enum ct_code rc = CT_E_OK;

    for (uint32_t i = 0; i < page->count && rc == CT_E_OK; i++) {
        if (!is_done[i])
            rc = move_chunk(mover, page, i, is_done, err);
    }
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------ */

static enum ct_code walk_ids(struct mover *mover, const char *const *ids, size_t id_count,
                             dead_page_fn on_page, struct ct_error *err)
{
    struct dead_page *page = ct_zalloc(sizeof *page);
    enum ct_code rc = CT_E_OK;

    mover->walk.foreign = mover->walk.matched = mover->missing = 0;
    for (size_t i = 0; i < id_count && rc == CT_E_OK; i++) {
        rc = dead_walk_find(&mover->walk, ids[i], page, err);
        if (rc == CT_E_NOT_FOUND) {
            mover->missing++;
            rc = CT_E_OK;
        } else if (rc == CT_E_CONFLICT) {
            mover->walk.foreign++;
            rc = CT_E_OK;
        }
        if (rc == CT_E_OK && (page->count == INSPECT_PAGE_MAX || i + 1 == id_count)) {
            rc = on_page(mover, page, err);
            dead_page_clear(page);
        }
    }
    dead_page_clear(page);
    free(page);
    return rc;
}

static enum ct_code walk_all(struct mover *mover, const char *const *ids, size_t id_count,
                             dead_page_fn on_page, struct ct_error *err)
{
    const struct dead_keeper *keeper = mover->walk.keeper;

    if (id_count > 0)
        return walk_ids(mover, ids, id_count, on_page, err);
    return dead_walk_run(&mover->walk, keeper->states, keeper->state_count, on_page, mover, err);
}

static void show_totals(struct mover *mover)
{
    view_totals(&mover->view);
    view_number(&mover->view, "matched", mover->tally.wanted);
    view_number(&mover->view, "moved", mover->moved);
    view_number(&mover->view, "gone", mover->gone + mover->missing);
    view_number(&mover->view, "held", mover->held);
    view_number(&mover->view, "refused", mover->refused);
    view_number(&mover->view, "notLetters", mover->walk.foreign);
    view_bool(&mover->view, "dryRun", mover->plan->confirm.is_dry);
    view_end(&mover->view);
}

static void finish(struct mover *mover)
{
    progress_end(&mover->progress);
    if (mover->held > 0)
        fprintf(stderr, "%lld left: a worker has them, or had\n", (long long)mover->held);
    if (mover->gone > 0)
        fprintf(stderr, "%lld were gone when their turn came\n", (long long)mover->gone);
    if (mover->refused > REFUSALS_MAX)
        fprintf(stderr, "%lld more stay\n", (long long)(mover->refused - REFUSALS_MAX));
    show_totals(mover);
    if (view_is_table(&mover->view) && !mover->plan->confirm.is_dry)
        printf("%s %lld of %lld\n", deed(mover), (long long)mover->moved,
               (long long)mover->tally.wanted);
}

/* Ids that were given are wanted: what did not become of them is an error. */
static enum ct_code judge(const struct mover *mover, size_t id_count, struct ct_error *err)
{
    if (mover->missing > 0)
        return ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job with %s%lld of the ids",
                            mover->walk.queue, id_count == 1 ? "the id, " : "",
                            (long long)mover->missing);
    if (id_count > 0 && mover->walk.foreign > 0)
        return ct_error_set(err, CT_E_CONFLICT, "%lld of the jobs are no dead letters",
                            (long long)mover->walk.foreign);
    if (mover->refused > 0 || (id_count > 0 && mover->held > 0))
        return ct_error_set(err, CT_E_CONFLICT, "%lld of the letters stay",
                            (long long)(mover->refused + mover->held));
    return CT_E_OK;
}

static enum ct_code check_target(const struct dead_plan *plan, const char *queue,
                                 struct ct_error *err)
{
    if (plan->to && strcmp(plan->to, queue) == 0)
        return ct_error_set(err, CT_E_USAGE, "--to %s: that is the dead-letter queue itself",
                            plan->to);
    return CT_E_OK;
}

enum ct_code dead_move_run(struct session *session, const char *queue, const char *const *ids,
                           size_t id_count, const struct dead_filter *filter,
                           const struct dead_plan *plan, struct ct_error *err)
{
    struct mover *mover = ct_zalloc(sizeof *mover);
    struct ct_buf what;
    bool is_go = false;
    enum ct_code rc = check_target(plan, queue, err);

    mover->plan = plan;
    if (rc == CT_E_OK)
        rc = dead_walk_init(&mover->walk, session, queue, filter, err);
    if (rc != CT_E_OK)
        goto out_free;
    rc = session_check_change(session, queue, err);
    if (rc != CT_E_OK) {
        dead_walk_fini(&mover->walk);
        goto out_free;
    }
    rc = walk_all(mover, ids, id_count, count_page, err);
    if (rc == CT_E_OK) {
        ct_buf_init(&what);
        dead_tally_tell(&mover->tally, &mover->walk, plan->is_redrive, &what);
        rc = confirm(&plan->confirm, mover->tally.wanted, &what, &is_go, err);
    }
    if (rc != CT_E_OK)
        goto out_walk;
    /* Until here a signal may end it anywhere. */
    progress_catch_signals();
    mover->progress = (struct progress){.deed = deed(mover), .total = mover->tally.wanted};
    view_report(&mover->view, &session->settings->look, "letters");
    if (is_go)
        rc = walk_all(mover, ids, id_count, move_page, err);
    finish(mover);
    if (rc == CT_E_OK)
        rc = judge(mover, id_count, err);
    view_close(&mover->view);
out_walk:
    dead_walk_fini(&mover->walk);
    dead_tally_fini(&mover->tally);
out_free:
    free(mover);
    return rc;
}
