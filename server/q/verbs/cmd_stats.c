/* stats: numbers of queues over a short time: all of them as a table, one that is named as a sheet.
 * Listens for a while, then reads times and memory. Without the right to listen the rates are
 * unknown, and all else is told. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "q/command.h"
#include "q/job_text.h"
#include "q/listen.h"
#include "q/queues.h"
#include "q/stats.h"
#include "q/text.h"
#include "q/view.h"

struct settings {
    struct session_settings common;
    int64_t for_ms, time_count;
};

static const struct ct_option options[] = {
    {.name = "for",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, for_ms),
     .fallback = "5s",
     .min = 100,
     .max = 3600000,
     .group = "How",
     .help = "How long to listen for rates and to watch the backlog."},
    {.name = "last",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, time_count),
     .fallback = "1000",
     .max = STATS_TIMES_MAX,
     .unit = "jobs",
     .help = "Jobs whose times are looked at: so many that completed and so many that failed."},
    SESSION_OPTIONS(struct settings),
};

struct all {
    struct session *session;
    struct stats *queues; /* owned; sorted by name when none was named */
    size_t count;
    struct listen listen;
    bool is_deaf;
};

/* --- gathering ------------------------------------------------------------------------------ */

static void on_event(void *ctx, const struct watch_event *event)
{
    struct all *all = ctx;

    for (size_t i = 0; i < all->count; i++) {
        struct stats *stats = &all->queues[i];

        if (!ct_str_is(event->queue, stats->name))
            continue;
        stats->arrived += strcmp(event->name, "waiting") == 0;
        stats->completed += strcmp(event->name, "completed") == 0;
        stats->failed += strcmp(event->name, "failed") == 0;
        return;
    }
}

static void start_listening(struct all *all)
{
    static const char *const events[] = {"waiting", "completed", "failed"};
    struct ct_error err;

    listen_open(&all->listen, all->session, on_event, all);
    for (size_t i = 0; i < all->count; i++) {
        session_use(all->session, all->queues[i].dialect);
        for (size_t e = 0; e < sizeof events / sizeof *events; e++)
            listen_to(&all->listen, all->queues[i].name, events[e]);
    }
    if (all->count > 0 && listen_settle(&all->listen, &err) != CT_E_OK) {
        fprintf(stderr, "rates are unknown: %s\n", err.detail);
        all->is_deaf = true;
    }
}

/* Of one that was named and is not there: an error. */
static enum ct_code take_queue(struct all *all, const char *name,
                               const struct queues_dialect *whose, bool is_named,
                               struct ct_error *err)
{
    struct stats *stats = &all->queues[all->count];
    enum ct_code rc;

    if (!whose->dialect)
        return ct_error_set(err, whose->err.code, "%s", whose->err.detail);
    stats->dialect = whose->dialect;
    stats->name = ct_strdup(name);
    rc = stats_begin(stats, all->session, err);
    if (rc == CT_E_OK && !stats->before.exists && is_named)
        rc = queues_missing(all->session, name, err);
    if (rc == CT_E_OK && stats->before.exists)
        all->count++;
    else
        stats_fini(stats);
    return rc;
}

/* Those that are there. */
static enum ct_code find_queues(struct all *all, const char *const *args, size_t arg_count,
                                struct ct_error *err)
{
    struct session_names names = {0};
    struct queues_dialect *dialects;
    enum ct_code rc = queues_of(all->session, args, arg_count, &names, err);

    if (rc == CT_E_OK)
        rc = session_ready(all->session, err);
    if (rc != CT_E_OK) {
        session_names_free(&names);
        return rc;
    }
    all->queues = ct_zalloc((names.count + 1) * sizeof *all->queues);
    dialects = ct_zalloc((names.count + 1) * sizeof *dialects);
    queues_resolve(all->session, (const char *const *)names.items, names.count, dialects);
    for (size_t i = 0; i < names.count && rc == CT_E_OK; i++)
        rc = take_queue(all, names.items[i], &dialects[i], arg_count > 0, err);
    free(dialects);
    session_names_free(&names);
    return rc;
}

static enum ct_code measure(struct all *all, const struct settings *settings, bool has_memory,
                            struct ct_error *err)
{
    const int64_t start_ms = ct_monotonic_ms(&ct_clock_system);
    enum ct_code rc = CT_E_OK;
    int64_t span_ms;

    session_sleep(all->session, settings->for_ms, NULL);
    listen_close(&all->listen);
    span_ms = ct_monotonic_ms(&ct_clock_system) - start_ms;
    for (size_t i = 0; i < all->count && rc == CT_E_OK; i++) {
        struct stats *stats = &all->queues[i];

        rc = stats_finish(stats, all->session, span_ms, err);
        if (rc == CT_E_OK)
            rc = stats_read_times(stats, all->session, settings->time_count, err);
        if (rc == CT_E_OK && has_memory)
            rc = stats_read_memory(stats, all->session, err);
        if (has_memory && (rc == CT_E_REDIS_PERM || rc == CT_E_REDIS_ERROR)) {
            fprintf(stderr, "memory is unknown: %s\n", err->detail);
            rc = CT_E_OK;
        }
    }
    return rc;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static double per_second(const struct stats *stats, int64_t events)
{
    return stats->span_ms > 0 ? (double)events * 1000 / (double)stats->span_ms : 0;
}

static void put_rate(const struct all *all, struct view *view, const char *key,
                     const struct stats *stats, int64_t events)
{
    char text[32];

    snprintf(text, sizeof text, "%.2f", per_second(stats, events));
    view_value(view, key, ct_str_of(all->is_deaf ? "null" : text));
}

static void put_memory(struct view *view, const struct stats *stats)
{
    view_group(view, "memory", '{');
    for (uint32_t i = 0; i < stats->memory_count; i++) {
        const struct inspect_memory *class = &stats->memory[i];
        char *key = ct_strndup(class->name.data, class->name.len);

        view_group(view, key, '{');
        view_number(view, "keys", class->key_count);
        view_number(view, "bytes", class->bytes);
        view_number(view, "measured", class->measured_count);
        view_group_end(view, '}');
        free(key);
    }
    view_group_end(view, '}');
}

static void put_members(const struct all *all, struct view *view, const struct stats *stats)
{
    view_text(view, "name", ct_str_of(stats->name));
    view_text(view, "dialect", ct_str_of(stats->dialect->name));
    view_bool(view, "isPaused", stats->counts.is_paused);
    view_group(view, "counts", '{');
    job_view_counts(view, stats->dialect->inspector, &stats->counts);
    view_group_end(view, '}');
    view_number(view, "span", stats->span_ms);
    view_group(view, "perSecond", '{');
    put_rate(all, view, "waiting", stats, stats->arrived);
    put_rate(all, view, "completed", stats, stats->completed);
    put_rate(all, view, "failed", stats, stats->failed);
    view_group_end(view, '}');
    view_number(view, "oldest", stats->backlog.oldest_ms);
    stats_show_spread(view, "wait", &stats->wait);
    stats_show_spread(view, "run", &stats->run);
    view_group(view, "backlog", '{');
    view_text(view, "trend", ct_str_of(stats_trend_name(stats->trend)));
    if (stats->trend == STATS_SHRINKING)
        view_number(view, "goneIn", stats->forecast_ms);
    else
        view_null(view, "goneIn");
    view_group_end(view, '}');
    if (stats->memory_count > 0)
        put_memory(view, stats);
}

/* --- for people ----------------------------------------------------------------------------- */

static void put_cell(struct view *view, const char *key, struct ct_buf *text)
{
    view_cell(view, key, ct_buf_str(text), PRINT_PLAIN);
    ct_buf_clear(text);
}

static void append_rate(const struct all *all, struct ct_buf *text, const struct stats *stats,
                        int64_t events)
{
    if (all->is_deaf)
        ct_buf_printf(text, "?");
    else
        ct_buf_printf(text, "%.1f/s", per_second(stats, events));
}

static void append_forecast(struct ct_buf *text, const struct stats *stats)
{
    if (stats->trend != STATS_SHRINKING) {
        ct_buf_printf(text, "%s", stats_trend_name(stats->trend));
        return;
    }
    ct_buf_printf(text, "in ");
    text_append_duration(text, stats->forecast_ms);
}

static void append_spread(struct ct_buf *text, const struct stats_spread *spread)
{
    static const char *const names[] = {"p50 ", ", p95 ", ", p99 ", ", max "};
    const int64_t values[] = {spread->p50, spread->p95, spread->p99, spread->max};

    if (spread->count == 0) {
        ct_buf_printf(text, "unknown");
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        ct_buf_printf(text, "%s", names[i]);
        text_append_duration(text, values[i]);
    }
    ct_buf_printf(text, " (%lld jobs)", (long long)spread->count);
}

static void show_memory(struct view *view, const struct stats *stats, struct ct_buf *text)
{
    for (uint32_t i = 0; i < stats->memory_count; i++) {
        const struct inspect_memory *class = &stats->memory[i];

        if (class->key_count == 0)
            continue;
        ct_buf_printf(text, "%.*s: %s", (int)class->name.len, class->name.data,
                      class->measured_count < class->key_count ? "about " : "");
        text_append_bytes(text, class->bytes);
        ct_buf_printf(text, " in %lld key%s", (long long)class->key_count,
                      class->key_count == 1 ? "" : "s");
        put_cell(view, "memory", text);
    }
}

static void show_lines(const struct all *all, struct view *view, const struct stats *stats)
{
    struct ct_buf text;

    ct_buf_init(&text);
    view_cell(view, "queue", ct_str_of(stats->name), PRINT_PLAIN);
    view_bool(view, "is paused", stats->counts.is_paused);
    job_view_counts(view, stats->dialect->inspector, &stats->counts);
    append_rate(all, &text, stats, stats->arrived);
    ct_buf_printf(&text, " in, ");
    append_rate(all, &text, stats, stats->completed);
    ct_buf_printf(&text, " completed, ");
    append_rate(all, &text, stats, stats->failed);
    ct_buf_printf(&text, " failed");
    put_cell(view, "rates", &text);
    text_append_duration(&text, stats->backlog.oldest_ms);
    if (stats->backlog.waiting > 0)
        put_cell(view, "oldest waits", &text);
    ct_buf_clear(&text);
    append_spread(&text, &stats->wait);
    put_cell(view, "waited", &text);
    append_spread(&text, &stats->run);
    put_cell(view, "ran", &text);
    append_forecast(&text, stats);
    put_cell(view, "backlog gone", &text);
    show_memory(view, stats, &text);
    ct_buf_free(&text);
}

static void show_cells(const struct all *all, struct view *view, const struct stats *stats)
{
    const struct inspector *inspector = stats->dialect->inspector;
    struct ct_buf text;

    ct_buf_init(&text);
    view_cell(view, "queue", ct_str_of(stats->name), PRINT_PLAIN);
    view_count(view, "waiting", inspect_ready_count(inspector, &stats->counts));
    for (size_t i = 0; i < inspector->state_count; i++) {
        if (strcmp(inspector->states[i].name, "waiting") != 0)
            view_count(view, inspector->states[i].name, stats->counts.jobs[i]);
    }
    append_rate(all, &text, stats, stats->arrived);
    put_cell(view, "in", &text);
    append_rate(all, &text, stats, stats->completed);
    put_cell(view, "out", &text);
    append_rate(all, &text, stats, stats->failed);
    put_cell(view, "failing", &text);
    if (stats->backlog.waiting > 0)
        text_append_duration(&text, stats->backlog.oldest_ms);
    put_cell(view, "oldest", &text);
    if (stats->wait.count > 0)
        text_append_duration(&text, stats->wait.p95);
    put_cell(view, "wait p95", &text);
    if (stats->run.count > 0)
        text_append_duration(&text, stats->run.p95);
    put_cell(view, "run p95", &text);
    append_forecast(&text, stats);
    put_cell(view, "gone", &text);
    ct_buf_free(&text);
}

static void show(const struct all *all, bool is_sheet)
{
    static const struct print_column columns[] = {
        {.title = "queue", .is_flexible = true}, {.title = "waiting", .is_right = true},
        {.title = "active", .is_right = true},   {.title = "delayed", .is_right = true},
        {.title = "failed", .is_right = true},   {.title = "in", .is_right = true},
        {.title = "out", .is_right = true},      {.title = "failing", .is_right = true},
        {.title = "oldest", .is_right = true},   {.title = "wait p95", .is_right = true},
        {.title = "run p95", .is_right = true},  {.title = "gone"},
    };
    const struct look_settings *look = &all->session->settings->look;
    struct view view;

    if (is_sheet)
        view_sheet(&view, look, NULL, 0);
    else
        view_list(&view, look, columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < all->count; i++) {
        if (!is_sheet)
            view_row(&view);
        if (view_json(&view))
            put_members(all, &view, &all->queues[i]);
        else if (is_sheet)
            show_lines(all, &view, &all->queues[i]);
        else
            show_cells(all, &view, &all->queues[i]);
        if (!is_sheet)
            view_row_end(&view);
    }
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct all all = {.session = session};
    enum ct_code rc = find_queues(&all, args, arg_count, err);

    if (rc == CT_E_OK) {
        start_listening(&all);
        rc = measure(&all, settings, arg_count == 1, err);
    }
    if (rc == CT_E_OK && all.count == 0)
        fprintf(stderr, "no queues under the prefix \"%s\"\n", session->settings->prefix);
    if (rc == CT_E_OK)
        show(&all, arg_count == 1);
    for (size_t i = 0; i < all.count; i++)
        stats_fini(&all.queues[i]);
    free(all.queues);
    return rc;
}

const struct command cmd_stats = {
    .noun = "stats",
    .program = {.name = "cartrita-q stats",
                .usage = "[QUEUE]... [OPTION]...",
                .about = "Measure queues: rates, waiting and run times, memory, forecast.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
