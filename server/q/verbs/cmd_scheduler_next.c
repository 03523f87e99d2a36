/* scheduler next: when a series, or a rule that is none yet, runs the next times: on its clocks,
 * with what they do in between. A rule alone is worked out here, without Redis. */
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "q/command.h"
#include "q/schedule_find.h"
#include "q/schedule_rule.h"
#include "q/zoned.h"

#define COUNT_MAX 10000

struct settings {
    struct session_settings common;
    struct schedule_rule rule;
    const char *from;
    int64_t count;
};

static const struct ct_option options[] = {
    SCHEDULE_RULE_OPTIONS(struct settings, rule),
    {.name = "count",
     .letter = 'n',
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, count),
     .fallback = "10",
     .min = 1,
     .max = COUNT_MAX,
     .unit = "times",
     .group = "Which",
     .help = "How many."},
    {.name = "from",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, from),
     .value_name = "DATE",
     .help = "Those after it, instead of after now; written as --start is. Limits are not looked "
             "at then."},
    SESSION_OPTIONS(struct settings),
};

/* --- the times -------------------------------------------------------------------------------- */

struct listing {
    const struct zone *zone;
    int32_t offset_s; /* of the time shown last */
    struct view view;
};

static void append_jump(struct ct_buf *buf, int32_t by_s)
{
    ct_buf_printf(buf, "clocks went %s by ", by_s > 0 ? "forward" : "back");
    schedule_append_duration(buf, 1000.0 * abs(by_s));
}

static void show(struct listing *listing, double at_ms)
{
    struct view *view = &listing->view;
    struct ct_buf text;
    int32_t before_s = listing->offset_s;
    bool is_first = view->row_count == 0;

    view_row(view);
    ct_buf_init(&text);
    listing->offset_s = zoned_append(&text, listing->zone, (int64_t)at_ms);
    int32_t jump_s = is_first ? 0 : listing->offset_s - before_s;
    view_text(view, "local", ct_buf_str(&text));
    view_moment(view, "at", (int64_t)at_ms);
    ct_buf_clear(&text);
    zoned_append_offset(&text, listing->offset_s);
    view_text(view, "offset", ct_buf_str(&text));
    view_bool(view, "offsetChanged", jump_s != 0);
    ct_buf_clear(&text);
    if (jump_s != 0)
        append_jump(&text, jump_s);
    view_cell(view, "note", ct_buf_str(&text), PRINT_BUSY);
    view_row_end(view);
    ct_buf_free(&text);
}

/* How many jobs there are still to be: the next one has a number, and the last has `limit`. */
static int64_t jobs_left(const struct schedule *schedule, int64_t most)
{
    double left = schedule->limit - fmax(schedule->count, 1) + 1;

    return left < (double)most ? (left > 0 ? (int64_t)left : 0) : most; /* NaN: most */
}

/* The first job comes first: its slot is fixed, whatever the time is. */
static enum ct_code list(const struct scheduler *scheduler, const struct schedule *schedule,
                         bool has_job, double after_ms, int64_t count, struct listing *listing,
                         struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (has_job) {
        count = jobs_left(schedule, count);
        if (count-- > 0)
            show(listing, schedule->next_ms);
        after_ms = fmax(after_ms, schedule->next_ms);
    }
    while (count-- > 0) {
        rc = schedule_next(scheduler, schedule, after_ms, &after_ms, err);
        if (rc != CT_E_OK)
            break;
        show(listing, after_ms);
    }
    return rc == CT_E_NOT_FOUND ? CT_E_OK : rc;
}

/* Which zone the times are shown in: `every` has none. */
static const char *zone_of(const struct schedule *schedule)
{
    return schedule->cron ? schedule->tz : "UTC";
}

static enum ct_code show_all(struct session *session, const struct settings *settings,
                             const struct schedule *schedule, bool has_job, int64_t from_ms,
                             struct ct_error *err)
{
    static const struct print_column columns[] = {
        {.title = "time", .key = "local"},
        {.title = "at", .is_right = true},
        {.title = "note"},
    };
    struct listing listing = {.zone = NULL};
    const char *tz = zone_of(schedule);
    enum ct_code rc = zone_find(tz, &listing.zone, err);

    if (rc != CT_E_OK)
        return rc;
    view_list(&listing.view, &session->settings->look, columns, sizeof columns / sizeof *columns);
    rc = list(session->dialect->scheduler, schedule, has_job, (double)from_ms, settings->count,
              &listing, err);
    if (rc == CT_E_OK) {
        view_end(&listing.view);
        if (listing.view.row_count == 0)
            fprintf(stderr, "it does not run any more\n");
        else if (listing.view.row_count < settings->count)
            fprintf(stderr, "those are all: then it has ended\n");
        if (schedule->cron && !tz)
            fprintf(stderr, "no zone is named: these are the clocks of this machine, and a worker "
                            "goes by its own\n");
    }
    view_close(&listing.view);
    return rc;
}

/* --- of what ---------------------------------------------------------------------------------- */

/* When to begin: now, or --from. */
static enum ct_code find_from(const struct settings *settings, const char *tz, int64_t *out,
                              struct ct_error *err)
{
    *out = ct_wall_ms(&ct_clock_system);
    return settings->from ? zoned_parse(settings->from, tz, "--from", out, err) : CT_E_OK;
}

static enum ct_code next_of_series(struct session *session, const struct settings *settings,
                                   const char *queue, const char *key, struct ct_error *err)
{
    struct schedule schedule;
    int64_t from_ms;
    enum ct_code rc = schedule_need_queue(session, queue, err);

    if (rc == CT_E_OK)
        rc = schedule_find(session, queue, key, &schedule, err);
    if (rc != CT_E_OK)
        return rc;
    if (schedule.state == SCHEDULE_STOPPED && !settings->from)
        rc = ct_error_set(err, CT_E_CONFLICT,
                          "series \"%s\" has stopped: it reached its limit or end, or its next job "
                          "was taken away",
                          schedule.key);
    if (rc == CT_E_OK)
        rc = find_from(settings, zone_of(&schedule), &from_ms, err);
    if (rc == CT_E_OK)
        rc = show_all(session, settings, &schedule, !settings->from, from_ms, err);
    schedule_fini(&schedule);
    return rc;
}

/* What the rule alone begins, as if it was added at that time. Planning shows what is wrong with
 * it.
 */
static enum ct_code plan_rule(struct session *session, const struct settings *settings,
                              int64_t from_ms, struct schedule *out, struct ct_error *err)
{
    struct schedule_wish wish = {.id = "next", .name = CT_STR_LIT("next")};
    json_t *repeat = NULL, *opts;
    int64_t end_ms = 0;
    char *text;
    enum ct_code rc = schedule_rule_build(&settings->rule, session->dialect, &repeat, err);

    if (rc != CT_E_OK)
        return rc;
    json_object_del(repeat, "endDate"); /* one in the past is nothing wrong here */
    opts = json_pack("{s:o}", "repeat", repeat);
    text = json_dumps(opts, JSON_COMPACT);
    wish.opts = ct_str_of(text);
    rc = session->dialect->scheduler->plan(&wish, from_ms, out, err);
    free(text);
    json_decref(opts);
    if (rc != CT_E_OK || !settings->rule.end)
        return rc;
    rc = zoned_parse(settings->rule.end, settings->rule.tz, "--end", &end_ms, err);
    out->end_ms = (double)end_ms;
    if (rc != CT_E_OK)
        schedule_fini(out);
    return rc;
}

static enum ct_code next_of_rule(struct session *session, const struct settings *settings,
                                 struct ct_error *err)
{
    const char *tz = settings->rule.cron ? settings->rule.tz : "UTC";
    struct schedule schedule;
    int64_t from_ms;
    enum ct_code rc = find_from(settings, tz, &from_ms, err);

    if (rc == CT_E_OK)
        rc = plan_rule(session, settings, from_ms, &schedule, err);
    if (rc != CT_E_OK)
        return rc;
    bool has_job = schedule.cron ? !(schedule.next_ms > schedule.end_ms)
                                 : !((double)from_ms > schedule.end_ms);
    rc = show_all(session, settings, &schedule, has_job, from_ms, err);
    schedule_fini(&schedule);
    return rc;
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    const struct schedule_rule *rule = &settings->rule;
    bool has_rule = rule->cron || rule->every_ms > 0;

    if (arg_count == 1 || (arg_count == 0) != has_rule)
        return ct_error_set(err, CT_E_USAGE, "give either QUEUE and KEY, or --cron or --every");
    if (arg_count == 0)
        return next_of_rule(session, settings, err);
    if (rule->tz || rule->start || rule->end)
        return ct_error_set(err, CT_E_USAGE,
                            "--tz, --start and --end go with --cron or --every: a series "
                            "has its own");
    return next_of_series(session, settings, args[0], args[1], err);
}

const struct command cmd_scheduler_next = {
    .noun = "scheduler",
    .verb = "next",
    .program = {.name = "cartrita-q scheduler next",
                .usage = "[QUEUE KEY] [OPTION]...",
                .about = "Show when a series, or a rule, runs the next times.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 0,
    .arg_max = 2,
    .run = run,
};
