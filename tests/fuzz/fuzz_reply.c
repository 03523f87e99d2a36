/* Replies of any shape to everything that reads what the scripts answer: an error with a detail,
 * or results that can be used and freed. The first byte names the reader; the rest grows a reply
 * (resp.h) or, with the highest bit, is one. Corpus: tests/fuzz/corpus/reply. */
#include <stdlib.h>

#include "dialect/bull/inspect.h"
#include "dialect/bull/parts.h"
#include "dialect/registry.h"
#include "dialect/shared/plan.h"
#include "tests/fuzz/resp.h"

#define FUZZ_IS_RAW 0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void add_effects(struct commit *commit, const struct job *job)
{
    static const enum effect_kind kinds[] = {EFFECT_COMPLETE, EFFECT_STALL, EFFECT_TAKE,
                                             EFFECT_ADOPT, EFFECT_RENEW};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct effect *effect = effect_new(kinds[i], CT_STR_LIT("7"), CT_STR_LIT("token"));

        if (kinds[i] != EFFECT_TAKE && kinds[i] != EFFECT_ADOPT)
            effect->job = job;
        ct_list_push_back(&commit->effects, &effect->link);
        commit->effect_count++;
    }
}

/* All that reading replies asks of a queue. */
static struct dialect_queue queue = {.rules = &bull_commit_rules};

/* The job of those effects that have one. */
static struct job *plain_job(void)
{
    static const char text[] = "*8\r\n$1\r\nn\r\n$2\r\n{}\r\n$2\r\n{}\r\n:1\r\n$-1\r\n$-1\r\n"
                               "$-1\r\n$1\r\n7\r\n";
    struct redis_reply *reply = redis_reply_parse(text, sizeof text - 1);
    struct job *job = dialect_read_job(&queue, reply, CT_STR_LIT("t"));

    ct_assert(job != NULL);
    redis_reply_free(reply);
    return job;
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
    enum ct_code rc = dialect_parse_commit(&queue, &commit, reply, err);
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
    enum ct_code rc = dialect_parse_reclaim(&queue, &commit, reply, err);
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
    enum ct_code rc = bull_parse_add(NULL, &list, reply, err);
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

    enum ct_code rc = bull_parse_wait(NULL, reply, &id, &has_work, &due_ms, err);
    ct_assert(rc != CT_E_OK || has_work == (id.data != NULL));
    return rc;
}

static enum ct_code read_sweep(const struct redis_reply *reply, struct ct_error *err)
{
    struct sweep sweep;

    return dialect_parse_sweep(&queue, reply, &sweep, err);
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

    return bull_inspector.parse_scan("bull", reply, &cursor, on_name, &count, err);
}

static enum ct_code read_counts(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_counts counts;

    return bull_inspector.parse_counts(reply, &counts, err);
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

    enum ct_code rc = bull_inspector.parse_page(&page, reply, on_job, &seen, &count, &total, err);
    ct_assert(rc != CT_E_OK || count == seen);
    return rc;
}

static enum ct_code read_found(const struct redis_reply *reply, struct ct_error *err)
{
    struct inspect_found found;

    enum ct_code rc = bull_inspector.parse_job(reply, CT_STR_LIT("7"), &found, err);
    ct_assert(rc != CT_E_OK || !found.has_state || found.state < bull_inspector.state_count);
    return rc;
}

static enum ct_code read_find(const struct redis_reply *reply, struct ct_error *err)
{
    uint32_t state = 0;
    int64_t place;
    bool is_found;

    return bull_inspector.parse_find(reply, &is_found, &state, &place, err);
}

static enum ct_code (*const readers[])(const struct redis_reply *reply, struct ct_error *err) = {
    read_commit, read_reclaim, read_add,  read_wait,  read_sweep, read_detect,
    read_scan,   read_counts,  read_page, read_found, read_find};

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
        size_t reader = (data[0] & ~FUZZ_IS_RAW) % (sizeof readers / sizeof readers[0]);
        enum ct_code rc = readers[reader](reply, &err);
        ct_assert(rc == CT_E_OK || (err.code == rc && err.detail[0]));
    }
    redis_reply_free(reply);
    ct_buf_free(&text);
    return 0;
}
