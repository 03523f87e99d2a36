/* The next iteration of a repeatable job. Ids and keys must be Bull's to the bit: in a mixed fleet
 * they are what keeps a slot from being scheduled twice. Called by entry.c; reads time zones only.
 */
#include "dialect/bull/iteration.h"

#include <math.h>
#include <stdlib.h>

const struct repeat_form bull_repeat_form = {"cron", CRON_4};

/* Rounding may give the base itself, on which a series would stand still. */
static double next_multiple(double base_ms, double every)
{
    double slot_ms = floor(base_ms / every) * every + every;

    return slot_ms > base_ms ? slot_ms : slot_ms + every;
}

enum ct_code iteration_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                            struct ct_error *err)
{
    if (repeat->cron)
        return repeat_cron_slot(repeat, base_ms, out_ms, err);
    *out_ms = next_multiple(base_ms, repeat->every);
    if (*out_ms > REPEAT_MS_MAX)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached the end of time");
    return CT_E_OK;
}

static void series_append(const struct repeat *repeat, struct ct_str name, struct ct_buf *out)
{
    ct_buf_append_str(out, name);
    ct_buf_printf(out, ":%s:", repeat->job_id ? repeat->job_id : "");
    if (!isnan(repeat->end_ms))
        ct_buf_printf(out, "%.0f", repeat->end_ms);
    ct_buf_append_char(out, ':');
    if (repeat->cron)
        ct_buf_printf(out, "%s:%s", repeat->tz ? repeat->tz : "", repeat->cron);
    else
        js_append_number(out, repeat->every);
}

/* {"count":2,"key":"...", then what the caller gave}. */
static void repeat_append(const struct repeat *repeat, struct ct_str series, double count,
                          struct ct_buf *out)
{
    struct memberlist fresh = {.count = 0};

    memberlist_set_number(&fresh, "count", count);
    memberlist_set_string(&fresh, "key", series);
    for (uint32_t i = 0; i < repeat->members.count; i++) {
        const char *name = repeat->members.member[i].name;
        if (strcmp(name, "count") != 0 && strcmp(name, "key") != 0)
            memberlist_set(&fresh, name, ct_str_of(repeat->members.member[i].value));
    }
    memberlist_append(&fresh, out);
    memberlist_fini(&fresh);
}

/* The generated options first, then the caller's others: the order that Bull's workers leave. */
static void opts_overlay(struct memberlist *opts, const struct repeat *repeat, struct ct_str name,
                         const struct iteration *next, double count, int64_t now_ms)
{
    static const char *const own[] = {"repeat", "jobId", "delay", "timestamp", "prevMillis"};
    struct memberlist fresh = {.count = 0};
    struct ct_buf text;

    ct_buf_init(&text);
    repeat_append(repeat, ct_str_of(next->series), count, &text);
    memberlist_set(&fresh, "repeat", ct_buf_str(&text));
    ct_buf_clear(&text);
    series_id_append(BULL_ID_JOINT, name,
                     repeat->job_id ? ct_str_of(repeat->job_id) : CT_STR_LIT(""),
                     ct_str_of(next->series), &text);
    js_append_number(&text, next->slot_ms);
    memberlist_set_string(&fresh, "jobId", ct_buf_str(&text));
    ct_buf_free(&text);
    memberlist_set_number(&fresh, "delay", fmax(next->slot_ms - (double)now_ms, 0));
    memberlist_set_number(&fresh, "timestamp", (double)now_ms);
    memberlist_set_number(&fresh, "prevMillis", next->slot_ms);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        memberlist_remove(opts, own[i]);
    for (uint32_t i = 0; i < opts->count; i++)
        memberlist_set(&fresh, opts->member[i].name, ct_str_of(opts->member[i].value));
    memberlist_fini(opts);
    *opts = fresh;
}

static enum ct_code repeat_step(struct repeat *repeat, struct ct_str name, struct memberlist *opts,
                                int64_t now_ms, struct iteration *out, struct ct_error *err)
{
    double previous = members_number(memberlist_find(opts, "prevMillis"));
    double count = repeat->count > 0 ? repeat->count + 1 : 1;
    struct ct_buf series;

    if (fabs(previous) > REPEAT_MS_MAX)
        return ct_error_set(err, CT_E_INVALID, "option prevMillis must be a time in ms");
    if (count > repeat->limit)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its limit of %.0f jobs",
                            repeat->limit);
    if ((double)now_ms > repeat->end_ms)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its endDate");
    enum ct_code rc = iteration_slot(repeat, fmax((double)now_ms, isnan(previous) ? 0 : previous),
                                     &out->slot_ms, err);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&series);
    series_append(repeat, name, &series);
    out->series = ct_buf_take(&series, NULL);
    opts_overlay(opts, repeat, name, out, count, now_ms);
    return CT_E_OK;
}

/* repeat_append adds to what was read; the next iteration must be able to read that. */
static enum ct_code check_room(const struct memberlist *members, struct ct_error *err)
{
    uint32_t count = members->count + !memberlist_find(members, "count").data +
                     !memberlist_find(members, "key").data;

    if (count > MEMBERLIST_READ_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "repeat: more than %d members with count and key "
                            "(MEMBERLIST_READ_MAX)",
                            MEMBERLIST_READ_MAX);
    return CT_E_OK;
}

enum ct_code iteration_next(struct ct_str name, struct memberlist *opts, int64_t now_ms,
                            struct iteration *out, struct ct_error *err)
{
    struct repeat repeat = {.job_id = NULL};
    struct memberlist members;
    struct ct_buf text;

    /* The first iteration passes its own id on to the series. */
    struct ct_str job_id = memberlist_find(opts, "jobId");
    bool is_first = js_is_falsy(memberlist_find(opts, "prevMillis"));
    enum ct_code rc = memberlist_init(&members, memberlist_find(opts, "repeat"), "repeat", err);
    ct_buf_init(&text);
    if (rc == CT_E_OK && is_first && !js_is_falsy(job_id))
        memberlist_set(&members, "jobId", job_id);
    memberlist_append(&members, &text);
    memberlist_fini(&members);
    if (rc == CT_E_OK)
        rc = repeat_read(&repeat, ct_buf_str(&text), &bull_repeat_form, err);
    if (rc == CT_E_OK)
        rc = check_room(&repeat.members, err);
    if (rc == CT_E_OK)
        rc = repeat_step(&repeat, name, opts, now_ms, out, err);
    ct_buf_free(&text);
    repeat_fini(&repeat);
    return rc;
}
