/* bench: adds jobs to a queue of its own and tells how fast that went; with --worker also how fast
 * a worker of ours ended them. */
#include <inttypes.h>

#include "q/bench.h"
#include "q/command.h"
#include "q/text.h"
#include "q/view.h"

#define JOBS_MAX       10000000
#define SIZE_MIN       10 /* {"pad":""} */
#define SIZE_BYTES_MAX (1 << 20)
#define RATE_MAX       1000000

static const struct ct_option options[] = {
    {.name = "jobs",
     .letter = 'n',
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, jobs),
     .fallback = "10000",
     .min = 1,
     .max = JOBS_MAX,
     .unit = "jobs",
     .group = "What",
     .help = "How many to add."},
    {.name = "size",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, size),
     .fallback = "100",
     .min = SIZE_MIN,
     .max = SIZE_BYTES_MAX,
     .unit = "bytes",
     .help = "Data of each."},
    {.name = "rate",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, rate),
     .fallback = "0",
     .max = RATE_MAX,
     .unit = "jobs a second",
     .help = "0: as fast as it goes."},
    {.name = "batch",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, batch),
     .fallback = "20",
     .min = 1,
     .max = COMMIT_ADDS_MAX,
     .unit = "jobs",
     .help = "Jobs of one call at the most; with a rate, those that are due."},
    {.name = "calls",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, calls),
     .fallback = "4",
     .min = 1,
     .max = BENCH_CALLS_MAX,
     .help = "Calls under way at a time."},
    {.name = "worker",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct bench_settings, has_worker),
     .group = "Worker",
     .help = "Start cartrita-worker with the plugin noop for it, and measure to the end."},
    {.name = "processes",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, processes),
     .fallback = "1",
     .min = 1,
     .max = 256,
     .help = "Runners of the worker."},
    {.name = "concurrency",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct bench_settings, concurrency),
     .fallback = "8",
     .min = 1,
     .max = 256,
     .help = "Threads of a runner."},
    SESSION_OPTIONS(struct bench_settings),
};

/* --- showing ---------------------------------------------------------------------------------- */

static int64_t a_second(int64_t count, int64_t us)
{
    return (int64_t)((double)count * 1e6 / (double)(us > 0 ? us : 1));
}

static void show_members(const struct bench *bench, struct view *view)
{
    const struct bench_load *load = &bench->load;
    int64_t add_us = load->ended_us - load->begun_us;

    view_text(view, "queue", ct_str_of(bench->queue));
    view_number(view, "jobs", load->count);
    view_number(view, "size", load->size);
    view_number(view, "addMs", add_us / 1000);
    view_number(view, "addsPerSecond", a_second(load->added, add_us));
    stats_show_spread(view, "addCallUs", &bench->call_us);
    if (!bench->settings->has_worker)
        return;
    view_number(view, "failed", bench->failed);
    view_number(view, "finishMs", bench->finished_ms);
    view_number(view, "finishedPerSecond",
                a_second((int64_t)bench->time_count, bench->finished_ms * 1000));
    stats_show_spread(view, "waitMs", &bench->wait);
    stats_show_spread(view, "totalMs", &bench->total);
}

static void put_line(struct view *view, const char *label, struct ct_buf *text)
{
    view_cell(view, label, ct_buf_str(text), PRINT_PLAIN);
    ct_buf_clear(text);
}

static void append_rate(struct ct_buf *text, int64_t count, int64_t us)
{
    ct_buf_printf(text, "%" PRId64 " jobs/s (%" PRId64 " jobs in ", a_second(count, us), count);
    text_append_duration(text, us / 1000);
    ct_buf_append_char(text, ')');
}

static void append_ms(struct ct_buf *text, const struct stats_spread *spread, double unit)
{
    ct_buf_printf(text, "p50 %.3g ms, p95 %.3g ms, p99 %.3g ms, max %.3g ms",
                  (double)spread->p50 / unit, (double)spread->p95 / unit,
                  (double)spread->p99 / unit, (double)spread->max / unit);
}

static void show_lines(const struct bench *bench, struct view *view)
{
    const struct bench_load *load = &bench->load;
    struct ct_buf text;

    ct_buf_init(&text);
    append_rate(&text, load->added, load->ended_us - load->begun_us);
    put_line(view, "added", &text);
    append_ms(&text, &bench->call_us, 1000);
    ct_buf_printf(&text, " (%" PRId64 " calls)", bench->call_us.count);
    put_line(view, "an add call", &text);
    if (bench->settings->has_worker) {
        append_rate(&text, (int64_t)bench->time_count, bench->finished_ms * 1000);
        put_line(view, "finished", &text);
        append_ms(&text, &bench->wait, 1);
        put_line(view, "add to begin", &text);
        append_ms(&text, &bench->total, 1);
        put_line(view, "add to end", &text);
        if (bench->failed > 0)
            view_number(view, "failed", bench->failed);
    }
    ct_buf_free(&text);
}

static void show(const struct bench *bench)
{
    struct view view;

    view_sheet(&view, &bench->session->settings->look, NULL, 0);
    if (view_is_table(&view))
        show_lines(bench, &view);
    else
        show_members(bench, &view);
    view_end(&view);
    view_close(&view);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    struct bench bench = {
        .session = session, .settings = given, .queue = arg_count > 0 ? args[0] : BENCH_NAME};
    enum ct_code rc = bench_run(&bench, err);

    if (rc == CT_E_OK)
        show(&bench);
    bench_fini(&bench);
    return rc;
}

const struct command cmd_bench = {
    .noun = "bench",
    .program = {.name = "cartrita-q bench",
                .usage = "[QUEUE] [OPTION]...",
                .about = "Measure how fast jobs are added, and ended.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct bench_settings),
    .arg_min = 0,
    .arg_max = 1,
    .run = run,
};
