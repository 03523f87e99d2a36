/* See the header. */
#include "q/schedule_find.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/nearest.h"

enum ct_code schedule_need_queue(struct session *session, const char *queue, struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = session_need_queue(session, queue, &counts, err);

    if (rc == CT_E_OK && !session->dialect->scheduler)
        rc = ct_error_set(err, CT_E_UNSUPPORTED, "series of %s queues cannot be looked at",
                          session->dialect->name);
    return rc;
}

static enum ct_code look(struct session *session, const char *queue, const struct ct_str *keys,
                         uint32_t count, bool has_bodies, struct schedule *out, bool *is_there,
                         struct ct_error *err)
{
    const struct scheduler *scheduler = session->dialect->scheduler;
    struct queue_name name = {session->settings->prefix, queue};
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    scheduler->build_look(&name, keys, count, has_bodies, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = scheduler->parse_look(reply, keys, count, out, is_there, err);
    redis_reply_free(reply);
    return rc;
}

enum ct_code schedule_page(struct session *session, const char *queue, int64_t offset,
                           struct schedule_page *page, struct ct_error *err)
{
    const struct scheduler *scheduler = session->dialect->scheduler;
    struct queue_name name = {session->settings->prefix, queue};
    struct ct_str keys[SCHEDULE_KEYS_MAX];
    bool is_there[SCHEDULE_KEYS_MAX];
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    page->count = page->key_count = 0;
    redis_command_init(&command, NULL);
    scheduler->build_keys(&name, offset, &command);
    rc = session_call(session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = scheduler->parse_keys(reply, keys, &page->key_count, err);
    if (rc == CT_E_OK && page->key_count > 0)
        rc = look(session, queue, keys, page->key_count, false, page->items, is_there, err);
    if (rc == CT_E_OK) {
        for (uint32_t i = 0; i < page->key_count; i++) {
            if (is_there[i])
                page->items[page->count++] = page->items[i];
        }
    }
    redis_reply_free(reply);
    return rc;
}

void schedule_page_clear(struct schedule_page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        schedule_fini(&page->items[i]);
    page->count = 0;
}

/* --- one -------------------------------------------------------------------------------------- */

struct search {
    const char *word;
    char *key; /* owned; of the first that has the name */
    int64_t found;
    struct ct_nearest nearest;
    char *near; /* owned; what nearest.best is */
};

static void offer(struct search *search, const char *text)
{
    ct_nearest_offer(&search->nearest, text);
    if (search->nearest.best == text) { /* the page it is in goes */
        char *kept = ct_strdup(text);

        free(search->near);
        search->near = kept;
        search->nearest.best = kept;
    }
}

static void search_page(struct search *search, const struct schedule_page *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct schedule *schedule = &page->items[i];

        if (strcmp(schedule->name, search->word) != 0) {
            offer(search, schedule->name);
            offer(search, schedule->key);
            continue;
        }
        if (search->found++ == 0)
            search->key = ct_strdup(schedule->key);
    }
}

/* The key of the only series whose jobs have the name. */
static enum ct_code find_name(struct session *session, const char *queue, const char *name,
                              char **key, struct ct_error *err)
{
    struct search search = {.word = name};
    struct schedule_page *page = ct_zalloc(sizeof *page);
    enum ct_code rc = CT_E_OK;
    bool is_last = false;

    ct_nearest_init(&search.nearest, name);
    for (int64_t at = 0; rc == CT_E_OK && !is_last && at < SCHEDULE_WALK_MAX;
         at += SCHEDULE_KEYS_MAX) {
        rc = schedule_page(session, queue, at, page, err);
        is_last = page->key_count < SCHEDULE_KEYS_MAX;
        if (rc == CT_E_OK)
            search_page(&search, page);
        schedule_page_clear(page);
    }
    free(page);
    if (rc == CT_E_OK && search.found == 1) {
        *key = search.key;
        search.key = NULL;
    } else if (rc == CT_E_OK && search.found > 1) {
        rc = ct_error_set(err, CT_E_CONFLICT,
                          "%lld series of queue \"%s\" are named \"%s\": give the key of one, as "
                          "`cartrita-q scheduler ls` has it",
                          (long long)search.found, queue, name);
    } else if (rc == CT_E_OK && search.near) {
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "queue \"%s\" has no series \"%s\"; did you mean \"%s\"?", queue, name,
                          search.near);
    } else if (rc == CT_E_OK) {
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "queue \"%s\" has no series with the key or name \"%s\"", queue, name);
    }
    free(search.key);
    free(search.near);
    return rc;
}

enum ct_code schedule_find(struct session *session, const char *queue, const char *key,
                           struct schedule *out, struct ct_error *err)
{
    struct ct_str text = ct_str_of(key);
    char *found = NULL;
    bool is_there = false;
    enum ct_code rc = look(session, queue, &text, 1, true, out, &is_there, err);

    if (rc != CT_E_OK || is_there)
        return rc;
    rc = find_name(session, queue, key, &found, err);
    if (rc != CT_E_OK)
        return rc;
    text = ct_str_of(found);
    rc = look(session, queue, &text, 1, true, out, &is_there, err);
    if (rc == CT_E_OK && !is_there)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "series \"%s\" has just gone", found);
    free(found);
    return rc;
}

/* --- showing ---------------------------------------------------------------------------------- */

const char *schedule_state_name(const struct schedule *schedule)
{
    static const char *const names[] = {
        [SCHEDULE_PENDING] = "delayed",
        [SCHEDULE_DUE] = "waiting",
        [SCHEDULE_STOPPED] = "stopped",
    };

    return names[schedule->state];
}

void schedule_append_duration(struct ct_buf *buf, double ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    int64_t left = (int64_t)ms;

    if (ms != trunc(ms) || !(ms >= 0 && ms < 1e15)) {
        ct_buf_printf(buf, "%.15gms", ms);
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (left >= units[i].ms)
            ct_buf_printf(buf, "%lld%s", (long long)(left / units[i].ms), units[i].name);
        left %= units[i].ms;
    }
    if (left > 0 || ms == 0)
        ct_buf_printf(buf, "%lldms", (long long)left);
}

void schedule_append_rule(struct ct_buf *buf, const struct schedule *schedule)
{
    if (schedule->cron) {
        ct_buf_append_str(buf, ct_str_of(schedule->cron));
    } else if (!isnan(schedule->every_ms)) {
        ct_buf_append_str(buf, CT_STR_LIT("every "));
        schedule_append_duration(buf, schedule->every_ms);
    }
}

static void view_text_or_null(struct view *view, const char *key, const char *text)
{
    if (text)
        view_text(view, key, ct_str_of(text));
    else
        view_null(view, key);
}

static void view_whole(struct view *view, const char *key, double number)
{
    if (isnan(number) || fabs(number) > 9e15)
        view_null(view, key);
    else
        view_number(view, key, (int64_t)number);
}

void schedule_view(struct view *view, const struct schedule *schedule)
{
    view_text(view, "key", ct_str_of(schedule->key));
    view_text(view, "name", ct_str_of(schedule->name));
    view_text_or_null(view, "legacy", schedule->legacy);
    view_text_or_null(view, "id", schedule->job_id);
    view_text_or_null(view, "cron", schedule->cron);
    view_text_or_null(view, "tz", schedule->tz);
    view_whole(view, "every", schedule->every_ms);
    view_whole(view, "offset", schedule->offset_ms);
    view_moment(view, "startDate", isnan(schedule->start_ms) ? 0 : (int64_t)schedule->start_ms);
    view_moment(view, "endDate", isnan(schedule->end_ms) ? 0 : (int64_t)schedule->end_ms);
    view_whole(view, "limit", schedule->limit);
    view_whole(view, "count", schedule->count > 0 ? schedule->count : NAN);
    view_whole(view, "iterationCount", schedule->made_count);
    view_state(view, "state", ct_str_of(schedule_state_name(schedule)));
    view_moment(view, "next", isnan(schedule->next_ms) ? 0 : (int64_t)schedule->next_ms);
    view_text_or_null(view, "jobId", schedule->next_id);
}
