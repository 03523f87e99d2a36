/* scheduler rm: ends series of repeatable jobs, as Bull's removeRepeatableByKey does: their next
 * jobs go while they are delayed; what waits or runs already is left, and has no successor. */
#include <stdlib.h>

#include "common/mem.h"
#include "q/command.h"
#include "q/confirm.h"
#include "q/schedule_find.h"

#define RM_KEYS_MAX 1000

struct settings {
    struct session_settings common;
    struct confirm_settings confirm;
};

static const struct ct_option options[] = {
    CONFIRM_OPTIONS(struct settings, confirm, "How"),
    SESSION_OPTIONS(struct settings),
};

struct removal {
    struct session *session;
    const char *queue;
    struct schedule *items; /* owned array; each once */
    size_t count;
    int64_t removed, jobs_removed;
    struct view view;
};

static bool has_key(const struct removal *removal, const char *key)
{
    for (size_t i = 0; i < removal->count; i++) {
        if (strcmp(removal->items[i].key, key) == 0)
            return true;
    }
    return false;
}

static enum ct_code find_all(struct removal *removal, const char *const *keys, size_t count,
                             struct ct_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct schedule *item = &removal->items[removal->count];
        enum ct_code rc = schedule_find(removal->session, removal->queue, keys[i], item, err);

        if (rc != CT_E_OK)
            return rc;
        if (has_key(removal, item->key))
            schedule_fini(item);
        else
            removal->count++;
    }
    return CT_E_OK;
}

static void describe(const struct removal *removal, struct ct_buf *what)
{
    int64_t jobs = 0;

    for (size_t i = 0; i < removal->count; i++)
        jobs += removal->items[i].state == SCHEDULE_PENDING;
    if (removal->count == 1)
        ct_buf_printf(what, "series \"%s\" of queue \"%s\" ends", removal->items[0].key,
                      removal->queue);
    else
        ct_buf_printf(what, "%zu series of queue \"%s\" end", removal->count, removal->queue);
    ct_buf_printf(what, "; next jobs that go with %s: %lld", removal->count == 1 ? "it" : "them",
                  (long long)jobs);
}

static enum ct_code remove_one(struct removal *removal, const struct schedule *item,
                               struct ct_error *err)
{
    const struct scheduler *scheduler = removal->session->dialect->scheduler;
    struct queue_name name = {removal->session->settings->prefix, removal->queue};
    bool is_removed = false, is_job_removed = false;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    redis_command_init(&command, NULL);
    scheduler->build_remove(&name, ct_str_of(item->key), &command);
    rc = session_call(removal->session, &command, &reply, err);
    if (rc == CT_E_OK)
        rc = scheduler->parse_remove(reply, &is_removed, &is_job_removed, err);
    redis_reply_free(reply);
    if (rc != CT_E_OK)
        return rc;
    removal->removed += is_removed;
    removal->jobs_removed += is_job_removed;
    view_row(&removal->view);
    view_text(&removal->view, "key", ct_str_of(item->key));
    view_bool(&removal->view, "removed", is_removed);
    view_bool(&removal->view, "jobRemoved", is_job_removed);
    view_row_end(&removal->view);
    return rc;
}

static void finish(struct removal *removal, bool is_dry)
{
    view_totals(&removal->view);
    view_number(&removal->view, "matched", (int64_t)removal->count);
    view_number(&removal->view, "removed", removal->removed);
    view_number(&removal->view, "jobsRemoved", removal->jobs_removed);
    view_bool(&removal->view, "dryRun", is_dry);
    view_end(&removal->view);
    if (view_is_table(&removal->view) && !is_dry)
        printf("removed %lld of %zu\n", (long long)removal->removed, removal->count);
}

static enum ct_code run(struct session *session, const void *given, const char *const *args,
                        size_t arg_count, struct ct_error *err)
{
    const struct settings *settings = given;
    struct removal removal = {.session = session, .queue = args[0]};
    struct ct_buf what;
    bool is_go = false;
    enum ct_code rc = schedule_need_queue(session, args[0], err);

    if (rc == CT_E_OK)
        rc = session_check_change(session, args[0], err);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&what);
    removal.items = ct_alloc((arg_count - 1) * sizeof *removal.items);
    rc = find_all(&removal, args + 1, arg_count - 1, err);
    if (rc == CT_E_OK) {
        describe(&removal, &what);
        rc = confirm(&settings->confirm, (int64_t)removal.count, &what, &is_go, err);
    }
    if (rc == CT_E_OK) {
        view_report(&removal.view, &session->settings->look, "series");
        for (size_t i = 0; is_go && rc == CT_E_OK && i < removal.count; i++)
            rc = remove_one(&removal, &removal.items[i], err);
        if (rc == CT_E_OK)
            finish(&removal, settings->confirm.is_dry);
        view_close(&removal.view);
    }
    for (size_t i = 0; i < removal.count; i++)
        schedule_fini(&removal.items[i]);
    free(removal.items);
    ct_buf_free(&what);
    return rc;
}

const struct command cmd_scheduler_rm = {
    .noun = "scheduler",
    .verb = "rm",
    .program = {.name = "cartrita-q scheduler rm",
                .usage = "QUEUE KEY... [OPTION]...",
                .about = "End series, with their next jobs.",
                COMMAND_OPTIONS(options)},
    .settings_size = sizeof(struct settings),
    .arg_min = 2,
    .arg_max = 1 + RM_KEYS_MAX,
    .run = run,
};
