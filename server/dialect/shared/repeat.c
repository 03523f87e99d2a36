/* Reads the option `repeat` and finds the next match of its cron expression; reads time zones only.
 */
#include "dialect/shared/repeat.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "common/mem.h"
#include "cron/cron.h"
#include "cron/iso_date.h"

/* --- dates --- */

/* As JavaScript reads it: a day alone is UTC midnight, a time without an offset is local. */
static double date_ms(const char *text)
{
    struct iso_date date;

    if (!iso_date_parse(text, &date))
        return NAN;
    if (date.kind != ISO_DATE_LOCAL)
        return (double)date.ms;
    time_t seconds = (time_t)((date.ms - date.ms % 1000) / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    tm.tm_isdst = -1;
    return (double)mktime(&tm) * 1000 + (double)(date.ms % 1000);
}

static enum ct_code read_date(const struct memberlist *members, const char *name, double *out,
                              struct ct_error *err)
{
    struct ct_str json = memberlist_find(members, name);

    *out = NAN;
    if (!json.data || ct_str_is(json, "null"))
        return CT_E_OK;
    char *text = members_string(json);
    if (text)
        *out = date_ms(text);
    else
        *out = members_number(json);
    free(text);
    if (!(fabs(*out) <= REPEAT_MS_MAX))
        return ct_error_set(err, CT_E_INVALID, "repeat.%s must be a time in ms or an ISO 8601 date",
                            name);
    *out = trunc(*out);
    return CT_E_OK;
}

/* --- reading --- */

/* A string, or NULL; other kinds are refused. */
static enum ct_code read_string(const struct memberlist *members, const char *name, char **out,
                                struct ct_error *err)
{
    struct ct_str json = memberlist_find(members, name);

    if (js_is_falsy(json))
        return CT_E_OK;
    *out = members_string(json);
    if (!*out)
        return ct_error_set(err, CT_E_INVALID, "repeat.%s must be a string", name);
    return CT_E_OK;
}

static enum ct_code read_number(const struct memberlist *members, const char *name, double *out,
                                struct ct_error *err)
{
    struct ct_str json = memberlist_find(members, name);

    *out = NAN;
    if (!json.data || ct_str_is(json, "null"))
        return CT_E_OK;
    if (json.data[0] != '"')
        *out = members_number(json);
    if (isnan(*out))
        return ct_error_set(err, CT_E_INVALID, "repeat.%s must be a number", name);
    return CT_E_OK;
}

void repeat_fini(struct repeat *repeat)
{
    memberlist_fini(&repeat->members);
    free(repeat->cron);
    free(repeat->tz);
    free(repeat->job_id);
}

enum ct_code repeat_read(struct repeat *repeat, struct ct_str json, const struct repeat_form *form,
                         struct ct_error *err)
{
    *repeat =
        (struct repeat){.every = NAN, .limit = NAN, .start_ms = NAN, .end_ms = NAN, .form = form};

    struct memberlist *members = &repeat->members;
    struct ct_buf id;
    enum ct_code rc = memberlist_init(members, json, "repeat", err);

    if (rc == CT_E_OK)
        rc = read_string(members, form->cron_name, &repeat->cron, err);
    if (rc == CT_E_OK)
        rc = read_string(members, "tz", &repeat->tz, err);
    if (rc == CT_E_OK)
        rc = read_number(members, "every", &repeat->every, err);
    if (rc == CT_E_OK)
        rc = read_number(members, "limit", &repeat->limit, err);
    if (rc == CT_E_OK)
        rc = read_number(members, "count", &repeat->count, err);
    if (rc == CT_E_OK)
        rc = read_date(members, "startDate", &repeat->start_ms, err);
    if (rc == CT_E_OK)
        rc = read_date(members, "endDate", &repeat->end_ms, err);
    if (rc != CT_E_OK)
        return rc;
    if (repeat->cron && !isnan(repeat->every))
        return ct_error_set(err, CT_E_INVALID,
                            "Both .%s and .every options are defined for this repeatable job",
                            form->cron_name);
    if (!repeat->cron && !(repeat->every >= 1 && repeat->every <= REPEAT_MS_MAX))
        return ct_error_set(err, CT_E_INVALID, "repeat needs %s (a text) or every (ms, at least 1)",
                            form->cron_name);
    if (repeat->cron && strlen(repeat->cron) > CRON_TEXT_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "repeat.%s is over %d bytes", form->cron_name,
                            CRON_TEXT_MAX);
    struct ct_str job_id = memberlist_find(members, "jobId");
    ct_buf_init(&id);
    if (!js_is_falsy(job_id) && js_append_text(&id, job_id))
        repeat->job_id = ct_buf_take(&id, NULL);
    ct_buf_free(&id);
    return CT_E_OK;
}

/* --- the next one --- */

enum ct_code repeat_cron_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                              struct ct_error *err)
{
    struct cron cron;
    int64_t slot_ms;
    enum ct_code rc = cron_parse(repeat->cron, repeat->form->edition, &cron, err);

    if (rc != CT_E_OK) {
        ct_error_wrap(err, "repeat.%s", repeat->form->cron_name);
        return rc;
    }
    if (repeat->start_ms > base_ms)
        base_ms = repeat->start_ms;
    rc = cron_next(&cron, repeat->tz, (int64_t)base_ms,
                   isnan(repeat->end_ms) ? INT64_MAX : (int64_t)repeat->end_ms, &slot_ms, err);
    if (rc == CT_E_OK)
        *out_ms = (double)slot_ms;
    return rc;
}
