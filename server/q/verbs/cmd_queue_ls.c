/* queue ls: every queue under the prefix, with its counts, those of all dialects side by side.
 * Finds them with SCAN, asks whose they are, then for the counts of COUNTS_AT_ONCE queues in one
 * round trip. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/queues.h"
#include "q/view.h"

#define COUNTS_AT_ONCE 64

struct settings {
    struct session_settings common;
};

static const struct ct_option options[] = {SESSION_OPTIONS(struct settings)};

struct listed {
    const char *name; /* borrowed */
    const struct dialect *dialect;
    bool is_mixed;
    struct inspect_counts counts;
};

struct listing {
    struct listed *queues; /* owned; those that exist */
    size_t count;
};

/* --- asking --------------------------------------------------------------------------------- */

struct asked {
    struct listed queue;
    struct ct_error err;
    size_t *pending; /* borrowed; calls of all that are not yet answered */
};

static void on_counts(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct asked *asked = arg;

    --*asked->pending;
    if (err)
        asked->err = *err;
    else
        asked->err.code = inspect_parse_counts(asked->queue.dialect->inspector, reply,
                                               &asked->queue.counts, &asked->err);
}

static void ask(struct session *session, struct asked *asked)
{
    struct queue_name name = {session->settings->prefix, asked->queue.name};
    struct redis_command command;

    if (!asked->queue.dialect)
        return;
    ++*asked->pending;
    redis_command_init(&command, NULL);
    inspect_build_counts(asked->queue.dialect->inspector, &name, &command);
    redis_link_call(session->link, &command, on_counts, asked);
    redis_command_fini(&command);
}

/* A queue that cannot be shown is told of and left out: the others are still worth a list. */
static enum ct_code take(struct listing *listing, const struct asked *asked, struct ct_error *err)
{
    enum ct_code code = asked->err.code;

    if (code == CT_E_UNSUPPORTED || code == CT_E_REDIS_TYPE)
        fprintf(stderr, "left out: queue \"%s\": %s\n", asked->queue.name, asked->err.detail);
    else if (code != CT_E_OK)
        return ct_error_set(err, code, "%s", asked->err.detail);
    else if (asked->queue.counts.exists)
        listing->queues[listing->count++] = asked->queue;
    return CT_E_OK;
}

static enum ct_code ask_part(struct session *session, char *const *names, size_t count,
                             struct listing *listing, struct ct_error *err)
{
    struct queues_dialect dialects[COUNTS_AT_ONCE];
    struct asked asked[COUNTS_AT_ONCE];
    enum ct_code rc = CT_E_OK;
    size_t pending = 0;

    queues_resolve(session, (const char *const *)names, count, dialects);
    for (size_t i = 0; i < count; i++) {
        asked[i] = (struct asked){.queue = {.name = names[i],
                                            .dialect = dialects[i].dialect,
                                            .is_mixed = dialects[i].is_mixed},
                                  .err = dialects[i].err,
                                  .pending = &pending};
        ask(session, &asked[i]);
    }
    session_wait(session, &pending);
    for (size_t i = 0; i < count && rc == CT_E_OK; i++)
        rc = take(listing, &asked[i], err);
    return rc;
}

/* --- showing -------------------------------------------------------------------------------- */

/* Whether a queue has this state: an old client's only while it is in use. */
static bool has_state(const struct listed *queue, uint32_t state)
{
    return !queue->dialect->inspector->states[state].is_legacy || queue->counts.jobs[state] > 0;
}

static bool is_needed(const struct listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct listed *queue = &listing->queues[i];
        const struct inspector *inspector = queue->dialect->inspector;

        for (uint32_t s = 0; s < inspector->state_count; s++) {
            if (strcmp(inspector->states[s].name, name) == 0 && has_state(queue, s))
                return true;
        }
    }
    return false;
}

/* Columns for the states that any of the queues has, and for the dialect where not all have the
 * same. Where dialects share states they have them in the same order, so that of the one with the
 * most is the order of all. */
static size_t lay_out(const struct session *session, const struct listing *listing,
                      struct print_column *columns)
{
    const struct inspector *widest = session->inspector;
    bool is_mixed = false;
    size_t count = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct inspector *inspector = listing->queues[i].dialect->inspector;

        is_mixed = is_mixed || listing->queues[i].is_mixed ||
                   listing->queues[i].dialect != listing->queues[0].dialect;
        if (i == 0 || inspector->state_count > widest->state_count)
            widest = inspector;
    }
    columns[count++] = (struct print_column){.title = "queue", .is_flexible = true, .key = "name"};
    if (is_mixed)
        columns[count++] = (struct print_column){.title = "dialect"};
    for (uint32_t s = 0; s < widest->state_count; s++) {
        if (listing->count == 0 || is_needed(listing, widest->states[s].name))
            columns[count++] =
                (struct print_column){.title = widest->states[s].name, .is_right = true};
    }
    columns[count++] = (struct print_column){.title = "", .key = "is it paused"};
    return count;
}

static void show(const struct session *session, const struct listed *queue, struct view *view)
{
    const struct inspect_counts *counts = &queue->counts;
    const struct inspector *inspector = queue->dialect->inspector;

    view_row(view);
    view_text(view, "name", ct_str_of(queue->name));
    view_text(view, "prefix", ct_str_of(session->settings->prefix));
    view_text(view, "dialect", ct_str_of(queue->is_mixed ? "mixed" : queue->dialect->name));
    view_bool(view, "isPaused", counts->is_paused);
    view_cell(view, "is it paused", ct_str_of(counts->is_paused ? "paused" : ""), PRINT_HELD);
    view_group(view, "counts", '{');
    for (size_t i = 0; i < inspector->state_count; i++)
        view_count(view, inspector->states[i].name, counts->jobs[i]);
    view_group_end(view, '}');
    view_row_end(view);
}

static void show_all(const struct session *session, const struct listing *listing)
{
    struct print_column columns[PRINT_COLUMNS_MAX];
    struct view view;

    view_list(&view, &session->settings->look, columns, lay_out(session, listing, columns));
    for (size_t i = 0; i < listing->count; i++)
        show(session, &listing->queues[i], &view);
    view_end(&view);
    if (listing->count == 0)
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *settings, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct session_names names = {0};
    struct listing listing = {0};
    enum ct_code rc = session_names(session, &names, err);

    if (rc != CT_E_OK)
        return rc;
    listing.queues = ct_zalloc((names.count + 1) * sizeof *listing.queues);
    for (size_t from = 0; from < names.count && rc == CT_E_OK; from += COUNTS_AT_ONCE) {
        size_t left = names.count - from;

        rc = ask_part(session, names.items + from, left < COUNTS_AT_ONCE ? left : COUNTS_AT_ONCE,
                      &listing, err);
    }
    if (rc == CT_E_OK)
        show_all(session, &listing);
    free(listing.queues);
    session_names_free(&names);
    return rc;
}

const struct command cmd_queue_ls = {
    .noun = "queue",
    .verb = "ls",
    .program = {.name = "cartrita-q queue ls",
                .usage = "[OPTION]...",
                .about = "List the queues and how many jobs they hold in each state.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .run = run,
};
