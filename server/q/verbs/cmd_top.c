/* top: queues as they change, once a second, and the jobs of one of them. What changes something
 * and can be taken back is a lower-case key; what cannot is upper case and asks first. Without a
 * terminal that can be drawn on it prints a table each time instead. */
#include <signal.h>
#include <stdlib.h>

#include "q/command.h"
#include "q/queues.h"
#include "q/signals.h"
#include "q/top_keys.h"

struct settings {
    struct session_settings common;
    int64_t interval_ms, count;
};

static const struct ct_option options[] = {
    {.name = "interval",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, interval_ms),
     .fallback = "1s",
     .min = 100,
     .max = 3600000,
     .group = "How",
     .help = "Time between two looks."},
    {.name = "count",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, count),
     .fallback = "0",
     .max = INT32_MAX,
     .unit = "looks",
     .help = "End after so many; 0: go on until q or a signal."},
    SESSION_OPTIONS(struct settings),
};

static void on_timer(uv_timer_t *timer)
{
    ((struct live *)timer->data)->is_due = true;
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    struct live *live = poll->data;

    if (status < 0 || (events & UV_DISCONNECT))
        live->is_over = true; /* the terminal is gone */
    else
        screen_read(&live->screen);
}

static void on_signal(void *ctx, int number)
{
    struct live *live = ctx;

    live->is_drawn = false;
    switch (number) {
    case SIGTSTP:
        screen_leave();
        raise(SIGSTOP); /* goes on here when it may */
        break;
    case SIGCONT:
        screen_enter();
        screen_measure(&live->screen);
        break;
    case SIGWINCH:
        screen_measure(&live->screen);
        live->is_due = true;
        break;
    default:
        live->is_over = true;
    }
}

static void on_closed(uv_handle_t *handle)
{
    ((struct live *)handle->data)->open--;
}

static void look(struct live *live, bool is_screen)
{
    live->is_due = live->is_drawn = false;
    top_look(&live->top, is_screen ? top_rows(&live->screen) : 0);
    if (live->top.job_selected >= live->top.job_count)
        live->top.job_selected = live->top.job_count > 0 ? live->top.job_count - 1 : 0;
}

static void run_screen(struct live *live, int64_t count)
{
    for (int64_t looks = 0; !live->is_over;) {
        int key;

        /* Not on: the next key is about what this one will show. */
        while (!live->is_over && !live->is_due && (key = screen_key(&live->screen)) != SCREEN_NONE)
            live_key(live, key);
        if (live->is_over || (count > 0 && looks == count))
            break;
        if (live->is_due) {
            look(live, true);
            looks++;
        }
        if (!live->is_drawn)
            top_draw(&live->top, &live->screen);
        live->is_drawn = true;
        if (live->screen.keys.len == 0)
            uv_run(&live->top.session->loop, UV_RUN_ONCE);
    }
}

static void run_lines(struct live *live, int64_t count, size_t width)
{
    for (int64_t looks = 0; !live->is_over && (count == 0 || looks < count);) {
        if (live->is_due) {
            look(live, false);
            top_print(&live->top, width);
            fflush(stdout);
            looks++;
            if (ferror(stdout))
                return; /* main tells */
        } else {
            uv_run(&live->top.session->loop, UV_RUN_ONCE);
        }
    }
}

static enum ct_code run_live(struct live *live, const struct settings *settings,
                             struct ct_error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT, 0};
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, 0};
    uv_loop_t *loop = &live->top.session->loop;
    const bool is_screen = screen_is_possible();
    enum ct_code rc = is_screen ? screen_open(&live->screen, err) : CT_E_OK;
    struct signals *signals;

    if (rc != CT_E_OK)
        return rc;
    signals = signals_open(loop, is_screen ? numbers : ends, on_signal, live);
    uv_timer_init(loop, &live->timer);
    live->timer.data = live->input.data = live;
    uv_timer_start(&live->timer, on_timer, (uint64_t)settings->interval_ms,
                   (uint64_t)settings->interval_ms);
    live->open = 1;
    live->is_due = true;
    if (is_screen) {
        uv_poll_init(loop, &live->input, live->screen.input);
        uv_poll_start(&live->input, UV_READABLE | UV_DISCONNECT, on_input);
        live->open++;
        run_screen(live, settings->count);
        uv_close((uv_handle_t *)&live->input, on_closed);
        screen_close(&live->screen);
    } else {
        run_lines(live, settings->count, live->top.look.width ? live->top.look.width : 132);
    }
    uv_close((uv_handle_t *)&live->timer, on_closed);
    signals_close(signals);
    while (live->open > 0)
        uv_run(loop, UV_RUN_NOWAIT);
    return CT_E_OK;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct live live = {.top = {.session = session}, .args = args, .arg_count = arg_count};
    enum ct_code rc = CT_E_OK;

    if (settings->common.look.output != OUTPUT_TABLE)
        return ct_error_set(err, CT_E_USAGE, "top is for people: `stats -o json` is for programs");
    look_init(&live.top.look, &settings->common.look);
    for (size_t i = 0; i < arg_count && rc == CT_E_OK; i++) {
        struct inspect_counts counts;

        rc = session_need_queue(session, args[i], &counts, err);
    }
    if (rc == CT_E_OK)
        rc = top_find(&live.top, args, arg_count, err);
    if (rc == CT_E_OK)
        rc = run_live(&live, settings, err);
    top_fini(&live.top);
    return rc;
}

const struct command cmd_top = {
    .noun = "top",
    .program = {.name = "cartrita-q top",
                .usage = "[QUEUE]... [OPTION]...",
                .about = "Watch queues and their jobs on the whole terminal.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
