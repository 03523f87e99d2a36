/* Replies of any shape to everything that reads what the scripts of a dialect answer: an error with
 * a detail, or results that can be used and freed. The first byte names the reader, with bit 6
 * those of BullMQ; the rest grows a reply (resp.h) or, with bit 7, is one. Corpus:
 * tests/fuzz/corpus/reply. */
#include <stdlib.h>

#include "dialect/registry.h"
#include "dialect/shared/doctor.h"
#include "dialect/shared/inspect.h"
#include "dialect/shared/manage.h"
#include "dialect/shared/plan.h"
#include "queue/schedule.h"
#include "queue/watch.h"
#include "tests/fuzz/resp.h"

#define FUZZ_IS_RAW    0x80
#define FUZZ_IS_BULLMQ 0x40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* That of the reader under way. */
static const struct dialect *dialect;
static struct dialect_queue *queue;

static void choose(bool is_bullmq)
{
    static struct dialect_queue *queues[2]; /* stay open */
    const struct queue_name name = {"bull", "q"};
    struct queue_settings settings;
    struct ct_error err;

    dialect = dialect_find(is_bullmq ? "bullmq" : "bull");
    if (!queues[is_bullmq]) {
        queue_settings_init(&settings);
        ct_assert(dialect->open(&name, &settings, &queues[is_bullmq], &err) == CT_E_OK);
        queue_settings_fini(&settings);
    }
    queue = queues[is_bullmq];
}

static void check_job(const struct job *job)
{
    ct_assert(job->id.data && job->name.data && job->data.data && job->opts.data);
    ct_assert(job->timeout_ms >= 0);
}

static void check_jobs(struct commit *commit)
{
    uint32_t count = 0;

    CT_LIST_FOREACH (node, &commit->jobs) {
        check_job(CT_CONTAINER(node, struct job, link));
        count++;
    }
    ct_assert(count == commit->job_count);
}

/* The job of those effects that have one. */
static struct job *plain_job(void)
{
    return job_new(&(struct job_texts){
        .id = CT_STR_LIT("7"),
        .name = CT_STR_LIT("n"),
        .data = CT_STR_LIT("{}"),
        .opts = CT_STR_LIT("{}"),
        .token = CT_STR_LIT("t"),
    });
}

static void add_effects(struct commit *commit, const struct job *job)
{
    static const enum effect_kind kinds[] = {EFFECT_COMPLETE, EFFECT_STALL, EFFECT_TAKE,
                                             EFFECT_ADOPT,    EFFECT_RENEW, EFFECT_RELEASE};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct effect *effect = effect_new(kinds[i], CT_STR_LIT("7"), CT_STR_LIT("token"));

        if (kinds[i] != EFFECT_TAKE && kinds[i] != EFFECT_ADOPT)
            effect->job = job;
        ct_list_push_back(&commit->effects, &effect->link);
        commit->effect_count++;
    }
}

static enum ct_code read_commit(const struct redis_reply *reply, struct ct_error *err)
{
    struct job *job = plain_job();
    struct commit commit;

    commit_init(&commit);
    commit.token_base = "base";
    commit.fetch_max = 4;
    commit.now_ms = 1700000000000;
    add_effects(&commit, job);
    enum ct_code rc = dialect->parse_commit(queue, &commit, reply, err);
    check_jobs(&commit);
    CT_LIST_FOREACH (node, &commit.effects) {
        const struct effect *effect = CT_CONTAINER(node, struct effect, link);
        if (effect->leased)
            check_job(effect->leased);
    }
    ct_assert(rc != CT_E_OK || commit.next_due_ms >= 0);
    commit_fini(&commit, plan_free);
    job_free(job);
    return rc;
}

static enum ct_code read_reclaim(const struct redis_reply *reply, struct ct_error *err)
{
    struct commit commit;

    commit_init(&commit);
    enum ct_code rc = dialect->parse_reclaim(queue, &commit, reply, err);
    check_jobs(&commit);
    commit_fini(&commit, plan_free);
    return rc;
}

static enum ct_code read_add(const struct redis_reply *reply, struct ct_error *err)
{
    struct job_add adds[3] = {{.is_skipped = false}, {.is_skipped = true}, {.is_skipped = false}};
    struct ct_list list;

    ct_list_init(&list);
    for (int i = 0; i < 3; i++)
        ct_list_push_back(&list, &adds[i].link);
    enum ct_code rc = dialect->parse_add(queue, &list, reply, err);
    for (int i = 0; i < 3; i++) {
        bool is_told = adds[i].id || adds[i].is_skipped || adds[i].err.code != CT_E_OK;
        ct_assert(rc != CT_E_OK || is_told);
        job_add_fini(&adds[i]);
    }
    return rc;
}

static enum ct_code read_wait(const struct redis_reply *reply, struct ct_error *err)
{
    struct ct_str id;
    bool has_work;
    int64_t due_ms;

    enum ct_code rc = dialect->parse_wait(queue, reply, &id, &has_work, &due_ms, err);
    ct_assert(rc != CT_E_OK || !id.data || has_work);
    ct_assert(rc != CT_E_OK || due_ms >= 0);
    return rc;
}

static enum ct_code read_sweep(const struct redis_reply *reply, struct ct_error *err)
{
    struct sweep sweep;

    return dialect->parse_sweep(queue, reply, &sweep, err);
}

static enum ct_code read_detect(const struct redis_reply *reply, struct ct_error *err)
{
    struct dialect_found found = {.dialect = NULL};

    enum ct_code rc = dialect_parse_detect(reply, &found, err);
    ct_assert((rc == CT_E_OK) == (found.dialect != NULL));
    return rc;
}

/* --- cartrita-q ------------------------------------------------------------------------------ */

static void on_name(void *ctx, struct ct_str name)
{
    ct_assert(name.len > 0);
    (*(size_t *)ctx)++;
}

static enum ct_code read_scan(const struct redis_reply *reply, struct ct_error *err)
{
    size_t count = 0;
    struct ct_str cursor;

    return inspect_parse_scan("bull", reply, &cursor, on_name, &count, err);
}

static enum ct_code read_counts(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_counts counts;

    return inspect_parse_counts(dialect->inspector, reply, &counts, err);
}

static void on_job(void *ctx, const struct inspect_job *job)
{
    ct_assert(job->due_ms >= 0);
    (*(uint32_t *)ctx)++;
}

static enum ct_code read_page(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_page page = {.state = 2, .limit = 10, .has_bodies = true};
    uint32_t count = 0, seen = 0;
    int64_t total;

    enum ct_code rc =
        inspect_parse_page(dialect->inspector, &page, reply, on_job, &seen, &count, &total, err);
    ct_assert(rc != CT_E_OK || seen <= count); /* markers are no jobs */
    return rc;
}

static enum ct_code read_found(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_found found;

    enum ct_code rc = inspect_parse_job(dialect->inspector, reply, CT_STR_LIT("7"), &found, err);
    ct_assert(rc != CT_E_OK || !found.has_state || found.state < dialect->inspector->state_count);
    return rc;
}

static enum ct_code read_find(const struct redis_reply *reply, struct ct_error *err)
{
    uint32_t state = 0;
    int64_t place;
    bool is_found;

    return inspect_parse_find(dialect->inspector, reply, &is_found, &state, &place, err);
}

static enum ct_code read_log(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_log log;

    return inspect_parse_log(reply, &log, err);
}

static enum ct_code read_backlog(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_backlog backlog;

    return inspect_parse_backlog(reply, &backlog, err);
}

static enum ct_code read_times(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_time times[INSPECT_TIMES_MAX];
    uint32_t count = 0;

    enum ct_code rc = inspect_parse_times(reply, times, &count, err);
    ct_assert(rc != CT_E_OK || count <= INSPECT_TIMES_MAX);
    return rc;
}

static enum ct_code read_memory(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_memory classes[INSPECT_CLASS_MAX];
    uint32_t count = 0;

    enum ct_code rc = inspect_parse_memory(reply, classes, &count, err);
    ct_assert(rc != CT_E_OK || count <= INSPECT_CLASS_MAX);
    return rc;
}

static enum ct_code read_children(const struct redis_reply *reply, struct ct_error *err)
{
    struct children_query query = {.id = CT_STR_LIT("7")};

    if (!dialect->parse_children)
        return CT_E_OK;
    enum ct_code rc = dialect->parse_children(queue, &query, reply, err);
    children_query_fini(&query);
    return rc;
}

/* --- changing ----------------------------------------------------------------------------------
 */

static enum ct_code read_deeds(const struct redis_reply *reply, struct ct_error *err)
{
    struct manage_job jobs[2] = {{.id = CT_STR_LIT("7")}, {.id = CT_STR_LIT("8")}};
    struct manage_call call = {.queue = {"bull", "q"}, .deed = MANAGE_MOVE, .target = "r"};
    struct ct_list list;

    ct_list_init(&list);
    for (int i = 0; i < 2; i++)
        ct_list_push_back(&list, &jobs[i].link);
    call.jobs = &list;
    enum ct_code rc = manage_parse_jobs(&call, reply, err);
    for (int i = 0; i < 2; i++)
        manage_job_fini(&jobs[i]);
    return rc;
}

static enum ct_code read_pause(const struct redis_reply *reply, struct ct_error *err)
{
    bool has_more;

    return manage_parse_pause(reply, &has_more, err);
}

static enum ct_code read_erase(const struct redis_reply *reply, struct ct_error *err)
{
    enum manage_erased erased;
    int64_t removed;

    return manage_parse_erase(reply, &erased, &removed, err);
}

static enum ct_code read_series_keys(const struct redis_reply *reply, struct ct_error *err)
{
    struct ct_str keys[SCHEDULE_KEYS_MAX];
    uint32_t count = 0;

    enum ct_code rc = dialect->scheduler->parse_keys(reply, keys, &count, err);
    ct_assert(rc != CT_E_OK || count <= SCHEDULE_KEYS_MAX);
    return rc;
}

static enum ct_code read_series(const struct redis_reply *reply, struct ct_error *err)
{
    const struct ct_str keys[2] = {CT_STR_LIT("n::::5000"), CT_STR_LIT("daily")};
    struct schedule schedules[2];
    bool is_there[2] = {false, false};

    enum ct_code rc = dialect->scheduler->parse_look(reply, keys, 2, schedules, is_there, err);
    for (int i = 0; rc == CT_E_OK && i < 2; i++)
        if (is_there[i])
            schedule_fini(&schedules[i]);
    return rc;
}

static enum ct_code read_series_end(const struct redis_reply *reply, struct ct_error *err)
{
    bool is_removed, is_job_removed;

    return dialect->scheduler->parse_remove(reply, &is_removed, &is_job_removed, err);
}

static enum ct_code read_repair(const struct redis_reply *reply, struct ct_error *err)
{
    enum repair_result result;

    return doctor_parse_repair(reply, &result, err);
}

static void on_event(void *ctx, const struct watch_event *event)
{
    ct_assert(event->name && event->queue.data && (event->value.data || !event->kind));
    (void)ctx;
}

static enum ct_code read_event(const struct redis_reply *reply, struct ct_error *err)
{
    const struct watcher *watcher = dialect->watcher;

    (void)err;
    if (watcher->read_entry)
        watcher->read_entry("q", reply, on_event, NULL);
    else
        watcher->read("bull", CT_STR_LIT("bull:q:progress"), redis_reply_str(reply), on_event,
                      NULL);
    return CT_E_OK;
}

typedef enum ct_code (*reader_fn)(const struct redis_reply *reply, struct ct_error *err);

/* Appended to, never reordered: the corpus names them by number. */
static const reader_fn readers[] = {
    read_commit,  read_reclaim,     read_add,    read_wait,       read_sweep,  read_detect,
    read_scan,    read_counts,      read_page,   read_found,      read_find,   read_log,
    read_backlog, read_times,       read_memory, read_children,   read_deeds,  read_pause,
    read_erase,   read_series_keys, read_series, read_series_end, read_repair, read_event};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ct_error err = {CT_E_OK, ""};
    struct ct_buf text;

    if (size < 1)
        return 0;
    struct resp_seed seed = {data + 1, size - 1};
    ct_buf_init(&text);
    if (data[0] & FUZZ_IS_RAW)
        ct_buf_append(&text, seed.data, seed.size);
    else
        resp_grow(&text, &seed, 0);
    struct redis_reply *reply = redis_reply_parse(ct_buf_str(&text).data, text.len);
    if (reply || data[0] & FUZZ_IS_RAW) { /* absent reads as nil */
        size_t reader = (data[0] & (FUZZ_IS_BULLMQ - 1)) % (sizeof readers / sizeof readers[0]);
        choose(data[0] & FUZZ_IS_BULLMQ);
        enum ct_code rc = readers[reader](reply, &err);
        ct_assert(rc == CT_E_OK || (err.code == rc && err.detail[0]));
    }
    redis_reply_free(reply);
    ct_buf_free(&text);
    return 0;
}
