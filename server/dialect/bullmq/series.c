/* The next job of a series: the rule and the count are in the options of the one that begins, name
 * and data in the series, so what there is to know only here (the next match of a cron expression,
 * the end) goes to the script, which knows the rest. Reads time zones only. */
#include "dialect/bullmq/series.h"

#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/entry.h"
#include "dialect/shared/plan.h"
#include "dialect/shared/series_key.h"

const struct repeat_form bullmq_repeat_form = {"pattern", CRON_5};

enum ct_code series_cron_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                              struct ct_error *err)
{
    static const struct repeat_form form_of_5 = {"pattern", CRON_4};
    struct repeat older = *repeat;
    struct ct_error ignored;
    enum ct_code rc = repeat_cron_slot(repeat, base_ms, out_ms, err);

    if (rc != CT_E_INVALID)
        return rc;
    older.form = &form_of_5;
    enum ct_code second = repeat_cron_slot(&older, base_ms, out_ms, &ignored);
    return second == CT_E_INVALID ? rc : second;
}

enum ct_code series_check_end(const struct repeat *repeat, double count, int64_t now_ms,
                              struct ct_error *err)
{
    if (count > repeat->limit)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its limit of %.0f jobs",
                            repeat->limit);
    if ((double)now_ms > repeat->end_ms)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its endDate");
    return CT_E_OK;
}

/* --- options ---------------------------------------------------------------------------------- */

void series_next_opts(struct memberlist *opts, const struct repeat *repeat, struct ct_str series,
                      double count)
{
    static const char *const of_one_job[] = {"jobId", "delay", "timestamp", "prevMillis"};
    struct memberlist rule = {.count = 0};
    struct ct_buf text;

    for (uint32_t i = 0; i < repeat->members.count; i++) {
        const char *name = repeat->members.member[i].name;
        if (strcmp(name, "immediately") != 0)
            memberlist_set(&rule, name, ct_str_of(repeat->members.member[i].value));
    }
    memberlist_set_number(&rule, "count", count);
    ct_buf_init(&text);
    memberlist_append(&rule, &text);
    memberlist_set(opts, "repeat", ct_buf_str(&text));
    ct_buf_free(&text);
    memberlist_fini(&rule);
    memberlist_set_string(opts, "repeatJobKey", series);
    for (size_t i = 0; i < sizeof of_one_job / sizeof of_one_job[0]; i++)
        memberlist_remove(opts, of_one_job[i]);
}

/* What there is of the options, up to the slot in the job's id. */
static void append_head(const struct memberlist *opts, struct ct_str series, struct ct_buf *out)
{
    struct ct_buf id;

    memberlist_append(opts, out);
    out->len--; /* its closing brace */
    ct_buf_append_str(out, opts->count > 0 ? CT_STR_LIT(",\"jobId\":") : CT_STR_LIT("\"jobId\":"));
    ct_buf_init(&id);
    ct_buf_append_str(&id, CT_STR_LIT("repeat:"));
    ct_buf_append_str(&id, series);
    ct_buf_append_char(&id, ':');
    ct_json_append_string(out, ct_buf_str(&id));
    out->len--; /* its closing quote */
    ct_buf_free(&id);
}

static double priority_of(const struct memberlist *opts)
{
    double priority = members_number(memberlist_find(opts, "priority"));

    return isnan(priority) ? 0 : priority;
}

void series_put_iteration(const struct memberlist *opts, struct ct_str series, bool is_cron,
                          struct redis_command *out)
{
    struct ct_buf text;

    ct_buf_init(&text);
    append_head(opts, series, &text);
    redis_command_str(out, ct_buf_str(&text));
    entry_put_number(out, priority_of(opts));
    redis_command_text(out, js_is_falsy(memberlist_find(opts, "lifo")) ? "L" : "R");
    ct_buf_clear(&text);
    (void)js_append_text(&text, members_find(memberlist_find(opts, "de"), "id"));
    redis_command_str(out, ct_buf_str(&text));
    redis_command_text(out, is_cron ? "1" : "");
    ct_buf_free(&text);
}

/* --- the next job ----------------------------------------------------------------------------- */

/* The slot behind the job's own; by `every` only the script can tell. */
static enum ct_code put_slot(const struct memberlist *opts, const struct repeat *repeat,
                             int64_t now_ms, struct redis_command *out, struct ct_error *err)
{
    double own_ms = members_number(memberlist_find(opts, "prevMillis"));
    double slot_ms;

    if (!repeat->cron) {
        redis_command_text(out, "");
        entry_put_number(out, repeat->every);
        return CT_E_OK;
    }
    if (fabs(own_ms) > REPEAT_MS_MAX)
        return ct_error_set(err, CT_E_INVALID, "option prevMillis must be a time in ms");
    enum ct_code rc =
        series_cron_slot(repeat, fmax((double)now_ms, isnan(own_ms) ? 0 : own_ms), &slot_ms, err);
    if (rc != CT_E_OK)
        return rc;
    redis_command_int(out, (int64_t)slot_ms);
    redis_command_text(out, "");
    return CT_E_OK;
}

static enum ct_code write_next(const struct job *job, struct memberlist *opts,
                               const struct repeat *repeat, int64_t now_ms,
                               struct redis_command *out, struct ct_error *err)
{
    double count = repeat->count > 0 ? repeat->count + 1 : 1;
    struct ct_error ignored;
    enum ct_code rc = series_check_end(repeat, count, now_ms, err);

    if (rc != CT_E_OK)
        return rc;
    redis_command_str(out, job->series);
    redis_command_str(out, job->id);
    rc = put_slot(opts, repeat, now_ms, out, err);
    if (rc != CT_E_OK)
        return rc;
    series_next_opts(opts, repeat, job->series, count);
    ignored.code = entry_normalise_backoff(opts, &ignored); /* what is no backoff stays as it is */
    if (!memberlist_find(opts, "attempts").data)
        memberlist_set_number(opts, "attempts", 0);
    rc = memberlist_check(opts, "opts with what BullMQ adds", err);
    if (rc == CT_E_OK)
        series_put_iteration(opts, job->series, repeat->cron != NULL, out);
    return rc;
}

/* "repeat:SERIES:SLOT". A job that was kept back by its deduplication id has another id, and a
 * successor already. */
static bool is_iteration(const struct job *job)
{
    static const char word[] = "repeat:";
    const size_t head = sizeof word - 1;

    return job->id.len > head + job->series.len + 1 && memcmp(job->id.data, word, head) == 0 &&
           memcmp(job->id.data + head, job->series.data, job->series.len) == 0 &&
           job->id.data[head + job->series.len] == ':';
}

enum ct_code bullmq_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                             struct effect **out, struct ct_error *err)
{
    struct repeat repeat = {.cron = NULL};
    struct redis_command *plan;
    struct memberlist opts;
    struct effect *effect;
    enum ct_code rc;

    (void)queue;
    *out = NULL;
    if (!is_iteration(job)) {
        if (!series_key_is_legacy(job->series))
            return CT_E_OK;
        return ct_error_set(err, CT_E_UNSUPPORTED,
                            "its series \"%.*s\" is a repeatable job of BullMQ before 5.10, which "
                            "ends here: begin it again with `cartrita-q scheduler add`",
                            (int)job->series.len, job->series.data);
    }
    effect = plan_new(&plan);
    rc = memberlist_init(&opts, job->opts, "opts", err);
    if (rc == CT_E_OK)
        rc = repeat_read(&repeat, memberlist_find(&opts, "repeat"), &bullmq_repeat_form, err);
    if (rc == CT_E_OK)
        rc = write_next(job, &opts, &repeat, now_ms, plan, err);
    repeat_fini(&repeat);
    memberlist_fini(&opts);
    if (rc == CT_E_OK)
        *out = effect;
    else
        effect_free(effect, plan_free);
    return rc == CT_E_NOT_FOUND ? CT_E_OK : rc;
}
