/* tail: what happens in queues, as Bull publishes it and BullMQ writes it to streams, one line an
 * event, until a signal, or until nobody reads any more. What is published while the connection is
 * down is lost, which is told. */
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/nearest.h"
#include "dialect/registry.h"
#include "q/command.h"
#include "q/listen.h"
#include "q/queues.h"
#include "q/signals.h"
#include "q/text.h"
#include "q/view.h"

#define LINE_MAX_PIPE  400 /* columns where no terminal sets the width */
#define READER_LOOK_MS 1000

struct settings {
    struct session_settings common;
    struct ct_option_list events;
    int64_t limit;
    bool notices;
};

static const struct ct_option options[] = {
    {.name = "event",
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, events),
     .value_name = "NAME",
     .group = "Which events",
     .help = "waiting, active, completed, failed, progress, delayed, stalled, duplicated, "
             "debounced, paused, resumed or drained; of BullMQ also added, waiting-children, "
             "retries-exhausted, deduplicated, removed, cleaned, and custom: those that clients "
             "made up. Without it: each."},
    {.name = "limit",
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, limit),
     .fallback = "0",
     .max = INT32_MAX,
     .unit = "events",
     .help = "End after so many; 0: go on."},
    {.name = "notices",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, notices),
     .help = "Say in the output, not beside it, how the connection is: with -o json or jsonl rows "
             "with the member notice: listening, missed (events are lost from here on) or late "
             "(they come later), and a reason."},
    SESSION_OPTIONS(struct settings),
};

struct tail {
    struct session *session;
    const struct settings *settings;
    struct listen listen;
    struct view view;
    uv_timer_t reader_look;
    int64_t shown; /* events */
    bool is_over;
};

/* Whether any dialect has an event of this name. */
static bool is_known(const char *event)
{
    const struct dialect *dialect;

    for (size_t i = 0; (dialect = dialect_at(i)); i++) {
        for (const char *const *name = dialect->watcher->names; *name; name++) {
            if (strcmp(*name, event) == 0)
                return true;
        }
    }
    return false;
}

static bool is_wanted(const struct tail *tail, const char *event)
{
    const struct ct_option_list *events = &tail->settings->events;

    for (size_t i = 0; i < events->count; i++) {
        if (strcmp(events->items[i], event) == 0)
            return true;
        if (strcmp(events->items[i], WATCH_CUSTOM) == 0 && !is_known(event))
            return true;
    }
    return events->count == 0;
}

static void append_clock(const struct tail *tail, struct ct_buf *line, int64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    char text[16];

    if (tail->view.look.time != TIME_RELATIVE || !localtime_r(&seconds, &local)) {
        look_append_moment(&tail->view.look, line, now_ms);
        return;
    }
    strftime(text, sizeof text, "%H:%M:%S", &local);
    ct_buf_printf(line, "%s.%03d", text, (int)(now_ms % 1000));
}

static void show_line(const struct tail *tail, const struct watch_event *event, int64_t now_ms)
{
    const struct look *look = &tail->view.look;
    struct ct_buf plain, line;
    size_t used, width = look->width > 0 ? look->width : LINE_MAX_PIPE;

    ct_buf_init(&plain);
    ct_buf_init(&line);
    append_clock(tail, &line, now_ms);
    used = line.len + 2;
    ct_buf_printf(&line, "  ");
    used += text_append_shown(&line, event->queue, width) + 2;
    ct_buf_printf(&line, "  ");
    ct_buf_printf(&plain, "%-10s", event->name);
    print_append_styled(&line, ct_buf_str(&plain),
                        look->has_color ? look_state_style(ct_str_of(event->name)) : PRINT_PLAIN);
    used += plain.len + 2;
    ct_buf_clear(&plain);
    if (event->id.data)
        ct_buf_append_str(&plain, event->id);
    if (event->value.data)
        ct_buf_printf(&plain, event->id.data ? "  " : "");
    if (event->value.data)
        ct_buf_append_str(&plain, event->value);
    if (event->prev.data)
        ct_buf_printf(&plain, "%s(from %.*s)", plain.len > 0 ? "  " : "", (int)event->prev.len,
                      event->prev.data);
    if (plain.len > 0) {
        ct_buf_printf(&line, "  ");
        text_append_shown(&line, ct_buf_str(&plain), width > used ? width - used : 1);
    }
    while (line.len > 0 && ct_buf_data(&line)[line.len - 1] == ' ')
        line.len--;
    ct_buf_append_char(&line, '\n');
    fwrite(ct_buf_data(&line), 1, line.len, stdout);
    ct_buf_free(&line);
    ct_buf_free(&plain);
}

static void show_members(struct tail *tail, const struct watch_event *event, int64_t now_ms)
{
    struct view *view = &tail->view;

    view_row(view);
    view_moment(view, "at", now_ms);
    view_text(view, "queue", event->queue);
    view_text(view, "event", ct_str_of(event->name));
    if (event->id.data)
        view_text(view, "id", event->id);
    else
        view_null(view, "id");
    if (event->kind == WATCH_JSON)
        view_value(view, "value", event->value);
    else if (event->kind == WATCH_TEXT)
        view_text(view, "value", event->value);
    else
        view_null(view, "value");
    if (event->prev.data)
        view_text(view, "prev", event->prev);
    view_row_end(view);
}

static void on_event(void *ctx, const struct watch_event *event)
{
    struct tail *tail = ctx;
    int64_t at_ms = event->at_ms > 0 ? event->at_ms : ct_wall_ms(&ct_clock_system);

    if (tail->is_over || !is_wanted(tail, event->name))
        return;
    if (view_is_table(&tail->view)) {
        show_line(tail, event, at_ms);
    } else {
        show_members(tail, event, at_ms);
    }
    tail->shown++;
    if (tail->settings->limit > 0 && tail->shown >= tail->settings->limit)
        tail->is_over = true;
}

enum notice { NOTICE_LISTENING, NOTICE_MISSED, NOTICE_LATE };

static const struct {
    const char *name, *text;
} notices[] = {
    [NOTICE_LISTENING] = {"listening", "connected again"},
    [NOTICE_MISSED] = {"missed", "events are missed"},
    [NOTICE_LATE] = {"late", "events come late"},
};

/* `reason` may be NULL. */
static void tell(struct tail *tail, enum notice notice, const char *reason)
{
    struct view *view = &tail->view;

    if (!tail->settings->notices || view_is_table(view)) {
        fprintf(stderr, "%s%s%s\n", notices[notice].text, reason ? ": " : "", reason ? reason : "");
        return;
    }
    view_row(view);
    view_moment(view, "at", ct_wall_ms(&ct_clock_system));
    view_text(view, "notice", ct_str_of(notices[notice].name));
    if (reason)
        view_text(view, "reason", ct_str_of(reason));
    view_row_end(view);
    view_flush(view);
}

/* Who reads the output may be gone long before the next event. Asked now and then: to watch it on
 * the loop would make it non-blocking, also for others that write there. */
static void on_reader_look(uv_timer_t *timer)
{
    struct tail *tail = timer->data;
    struct pollfd output = {.fd = STDOUT_FILENO};

    if (poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)))
        tail->is_over = true;
}

static void watch_reader(struct tail *tail)
{
    uv_timer_init(&tail->session->loop, &tail->reader_look);
    tail->reader_look.data = tail;
    uv_timer_start(&tail->reader_look, on_reader_look, READER_LOOK_MS, READER_LOOK_MS);
}

static void on_signal(void *ctx, int number)
{
    ((struct tail *)ctx)->is_over = true;
}

/* Shows what comes until it is over; tells of the connection's ups and downs, once each. */
static enum ct_code run_loop(struct tail *tail, struct ct_error *err)
{
    struct listen *listen = &tail->listen;
    bool is_down = false;

    while (!tail->is_over) {
        uv_run(&tail->session->loop, UV_RUN_ONCE);
        view_flush(&tail->view);
        if (ferror(stdout))
            break; /* nobody reads any more; main tells */
        listen_look(listen);
        if (listen->err.code != CT_E_OK && !session_may_be_done(listen->err.code))
            return ct_error_set(err, listen->err.code, "%s", listen->err.detail);
        if (listen->err.code != CT_E_OK && !is_down) {
            is_down = true;
            tell(tail, listen->link ? NOTICE_MISSED : NOTICE_LATE, listen->err.detail);
        } else if (is_down && listen->has_gap && listen->err.code == CT_E_OK) {
            is_down = listen->has_gap = false;
            tell(tail, NOTICE_LISTENING, NULL);
        }
    }
    return CT_E_OK;
}

static void listen_to_queue(struct tail *tail, const char *queue)
{
    for (const char *const *name = tail->session->dialect->watcher->names; *name; name++) {
        if (is_wanted(tail, *name))
            listen_to(&tail->listen, queue, *name);
    }
}

/* A queue that is not there yet may become one of any dialect. */
static void listen_to_any(struct tail *tail, const char *queue)
{
    const struct dialect *dialect;

    fprintf(stderr, "there is no queue \"%s\" yet\n", queue);
    for (size_t i = 0; (dialect = dialect_at(i)); i++) {
        if (!session_is_auto(tail->session) && dialect != tail->session->dialect)
            continue;
        session_use(tail->session, dialect);
        listen_to_queue(tail, queue);
    }
}

static enum ct_code subscribe(struct tail *tail, const char *const *args, size_t arg_count,
                              struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < arg_count && rc == CT_E_OK; i++) {
        rc = session_resolve(tail->session, args[i], err);
        if (rc == CT_E_OK)
            rc = session_counts(tail->session, args[i], &counts, err);
        if (rc == CT_E_OK && counts.exists)
            listen_to_queue(tail, args[i]);
        else if (rc == CT_E_OK)
            listen_to_any(tail, args[i]);
    }
    if (arg_count == 0)
        listen_to_all(&tail->listen);
    return rc == CT_E_OK ? listen_settle(&tail->listen, err) : rc;
}

static enum ct_code check_events(const struct ct_option_list *events, struct ct_error *err)
{
    const struct dialect *dialect;

    for (size_t i = 0; i < events->count; i++) {
        struct ct_nearest nearest;

        if (is_known(events->items[i]))
            continue;
        ct_nearest_init(&nearest, events->items[i]);
        for (size_t d = 0; (dialect = dialect_at(d)); d++) {
            for (const char *const *name = dialect->watcher->names; *name; name++)
                ct_nearest_offer(&nearest, *name);
        }
        if (nearest.best)
            return ct_error_set(err, CT_E_USAGE, "--event %s: did you mean \"%s\"?",
                                events->items[i], nearest.best);
        return ct_error_set(err, CT_E_USAGE, "--event %s: there is no such event",
                            events->items[i]);
    }
    return CT_E_OK;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    struct tail tail = {.session = session, .settings = settings};
    struct signals *signals;
    enum ct_code rc;

    rc = check_events(&settings->events, err);
    if (rc != CT_E_OK)
        return rc;
    view_list(&tail.view, &settings->common.look, NULL, 0);
    listen_open(&tail.listen, session, on_event, &tail);
    signals = signals_open(&session->loop, numbers, on_signal, &tail);
    watch_reader(&tail);
    rc = subscribe(&tail, args, arg_count, err);
    if (rc == CT_E_OK && settings->notices)
        tell(&tail, NOTICE_LISTENING, NULL);
    if (rc == CT_E_OK)
        rc = run_loop(&tail, err);
    listen_close(&tail.listen);
    uv_close((uv_handle_t *)&tail.reader_look, NULL);
    uv_run(&session->loop, UV_RUN_NOWAIT); /* it is on this stack */
    signals_close(signals);
    if (rc == CT_E_OK)
        view_end(&tail.view);
    view_close(&tail.view);
    return rc;
}

const struct command cmd_tail = {
    .noun = "tail",
    .program = {.name = "cartrita-q tail",
                .usage = "[QUEUE]... [OPTION]...",
                .about = "Print events as they happen, of some queues or of all.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_max = QUEUES_ARGS_MAX,
    .run = run,
};
