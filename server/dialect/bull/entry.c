/* What a producer gives becomes what Bull stores: options merged, normalised and in Bull's order.
 * What Bull would store although its own scripts break on it later (a priority that is no number,
 * null as a retention) is refused here, with the name of the option. Called by add.c. */
#include "dialect/bull/entry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/bull/iteration.h"
#include "dialect/shared/entry.h"

#define ENTRY_GROUP_MAX 256

/* --- options --- */

/* attempts, delay and timestamp always end up in opts, each where it was given or else at the end.
 */
static enum ct_code normalise(struct memberlist *opts, int64_t now_ms, double *delay,
                              double *timestamp, struct ct_error *err)
{
    double attempts, timeout;
    enum ct_code rc = entry_number(opts, "attempts", 1, &attempts, err);

    if (rc == CT_E_OK)
        rc = entry_times(opts, now_ms, delay, timestamp, err);
    if (rc == CT_E_OK)
        rc = entry_number(opts, "timeout", 1, &timeout, err);
    if (rc == CT_E_OK)
        rc = entry_check_keeps(opts, err);
    if (rc != CT_E_OK)
        return rc;
    if (timeout <= 0)
        return ct_error_set(err, CT_E_INVALID, "option timeout must be a positive number of ms");
    if (memberlist_find(opts, "attempts").data && js_is_falsy(memberlist_find(opts, "attempts")))
        attempts = 0;
    memberlist_set_number(opts, "attempts", trunc(attempts));
    memberlist_set_number(opts, "delay", *delay);
    if (!memberlist_find(opts, "timestamp").data)
        memberlist_set_number(opts, "timestamp", *timestamp);
    return entry_normalise_backoff(opts, err);
}

/* --- ids --- */

/* The text of what lies at a dotted path of the data; "undefined" when there is nothing. */
static void group_append(struct ct_str data, const char *path, struct ct_buf *out)
{
    char step[ENTRY_GROUP_MAX];

    while (data.data && *path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof step)
            len = sizeof step - 1;
        memcpy(step, path, len);
        step[len] = '\0';
        data = members_find(data, step);
        path += len;
        path += *path == '.';
    }
    if (!data.data)
        ct_buf_append_str(out, CT_STR_LIT("undefined"));
    else if (!js_append_text(out, data))
        ct_buf_append_str(out, CT_STR_LIT("[object Object]"));
}

/* With a groupKey the id carries the group, behind its last colon. */
static void apply_group(const struct dialect_queue *queue, struct memberlist *opts,
                        struct ct_str data, const struct ct_random *random)
{
    const char *path = queue->settings.limiter_group_key;
    struct ct_str given = memberlist_find(opts, "jobId");
    char uuid[CT_UUID_LEN + 1];
    struct ct_buf id;

    if (!path)
        return;
    ct_buf_init(&id);
    if (js_is_falsy(given) || !js_append_text(&id, given)) {
        ct_uuid(random, uuid);
        ct_buf_append_str(&id, ct_str_of(uuid));
    }
    ct_buf_append_char(&id, ':');
    group_append(data, path, &id);
    memberlist_set_string(opts, "jobId", ct_buf_str(&id));
    ct_buf_free(&id);
}

static bool ends_with(struct ct_str text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* The custom id, empty when there is none. */
static enum ct_code id_append(const struct memberlist *opts, struct ct_buf *out,
                              struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, "jobId");

    if (!json.data || ct_str_is(json, "null") || ct_str_is(json, "\"\""))
        return CT_E_OK;
    if (!js_append_text(out, json))
        return ct_error_set(err, CT_E_INVALID, "option jobId must be a string or a number");

    struct ct_str id = ct_buf_str(out);
    if (id.len > ENTRY_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "option jobId is over %d bytes", ENTRY_ID_MAX);
    if (key_table_has(&bull_key_table, id) || ends_with(id, ":lock") || ends_with(id, ":logs"))
        return ct_error_set(err, CT_E_INVALID,
                            "option jobId \"%.*s\" is the name of a key of the queue itself",
                            (int)id.len, id.data);
    return CT_E_OK;
}

/* --- writing --- */

static enum ct_code debounce_read(const struct memberlist *opts, char **id, double *ttl,
                                  struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, "debounce");
    struct ct_buf text;

    *id = NULL;
    *ttl = 0;
    if (js_is_falsy(json) || js_is_falsy(members_find(json, "id")))
        return CT_E_OK;
    enum ct_code rc = entry_ttl(members_find(json, "ttl"), "debounce.ttl", ttl, err);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&text);
    if (js_append_text(&text, members_find(json, "id")))
        *id = ct_buf_take(&text, NULL);
    ct_buf_free(&text);
    return CT_E_OK;
}

struct prepared {
    struct ct_buf id, data, opts;
    char *debounce_id;
    double debounce_ttl, delay, timestamp, priority;
    bool is_lifo;
};

static void put_prepared(const struct prepared *job, struct ct_str name,
                         const struct iteration *next, bool is_next, struct redis_command *out)
{
    double delay = fmax(job->delay, 0);

    redis_command_text(out, next->series ? next->series : "");
    entry_put_number(out, next->slot_ms);
    redis_command_int(out, is_next);
    redis_command_str(out, ct_buf_str(&job->id));
    redis_command_str(out, name);
    redis_command_str(out, ct_buf_str(&job->data));
    redis_command_str(out, ct_buf_str(&job->opts));
    entry_put_number(out, job->timestamp);
    entry_put_number(out, delay);
    entry_put_number(out, delay > 0 ? job->timestamp + delay : 0);
    entry_put_number(out, job->priority);
    redis_command_text(out, job->is_lifo ? "RPUSH" : "LPUSH");
    redis_command_text(out, job->debounce_id ? job->debounce_id : "");
    if (job->debounce_id && job->debounce_ttl > 0)
        entry_put_number(out, job->debounce_ttl);
    else
        redis_command_text(out, "");
}

static enum ct_code prepare(struct memberlist *opts, int64_t now_ms, struct prepared *job,
                            struct ct_error *err)
{
    enum ct_code rc = normalise(opts, now_ms, &job->delay, &job->timestamp, err);

    if (rc == CT_E_OK)
        rc = memberlist_check(opts, "opts with what Bull adds", err);
    if (rc == CT_E_OK)
        rc = entry_number(opts, "priority", 0, &job->priority, err);
    if (rc == CT_E_OK)
        rc = id_append(opts, &job->id, err);
    if (rc == CT_E_OK)
        rc = debounce_read(opts, &job->debounce_id, &job->debounce_ttl, err);
    if (rc != CT_E_OK)
        return rc;
    job->is_lifo = !js_is_falsy(memberlist_find(opts, "lifo"));
    memberlist_append(opts, &job->opts);
    return CT_E_OK;
}

/* What JavaScript takes for false becomes an empty object. */
static enum ct_code prepare_data(struct ct_str data, struct ct_buf *out, struct ct_error *err)
{
    struct ct_str trimmed = members_trim(data);

    return entry_data(js_is_falsy(trimmed) ? CT_STR_NONE : trimmed, out, err);
}

enum ct_code entry_write(const struct dialect_queue *queue, const struct entry *entry,
                         const struct ct_random *random, struct redis_command *out,
                         struct ct_error *err)
{
    struct ct_str name = entry->name.data ? entry->name : CT_STR_LIT("__default__");
    struct prepared job = {.debounce_id = NULL};
    struct iteration next = {.series = NULL};
    struct memberlist opts;

    ct_buf_init(&job.id);
    ct_buf_init(&job.data);
    ct_buf_init(&job.opts);
    enum ct_code rc = memberlist_init(&opts, entry->opts, "opts", err);
    if (rc == CT_E_OK)
        rc = prepare_data(entry->data, &job.data, err);
    if (rc == CT_E_OK && !entry->is_next)
        apply_group(queue, &opts, ct_buf_str(&job.data), random);
    if (rc == CT_E_OK && !js_is_falsy(memberlist_find(&opts, "repeat")))
        rc = iteration_next(name, &opts, entry->now_ms, &next, err);
    if (rc == CT_E_OK)
        rc = prepare(&opts, entry->now_ms, &job, err);
    if (rc == CT_E_OK)
        put_prepared(&job, name, &next, entry->is_next, out);

    memberlist_fini(&opts);
    ct_buf_free(&job.id);
    ct_buf_free(&job.data);
    ct_buf_free(&job.opts);
    free(job.debounce_id);
    free(next.series);
    return rc;
}
