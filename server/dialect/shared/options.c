/* Reads opts without building a tree: it is done for every job that is fetched. */
#include "dialect/shared/options.h"

#include <math.h>
#include <stdlib.h>

#include "common/json.h"
#include "dialect/shared/members.h"

#define OPTIONS_WHOLE_MAX 9007199254740991.0 /* 2^53 - 1, JavaScript's largest exact integer */

/* `undefined` and what JavaScript takes for false. */
static bool is_falsy(struct ct_str json)
{
    return !json.data || ct_str_is(json, "false") || ct_str_is(json, "null") ||
           ct_str_is(json, "\"\"") || members_number(json) == 0;
}

static int64_t whole(double number)
{
    if (isnan(number))
        return -1;
    return (int64_t)fmax(fmin(trunc(number), OPTIONS_WHOLE_MAX), -OPTIONS_WHOLE_MAX);
}

/* removeOnComplete or removeOnFail. null, which makes Bull lose the job, keeps it. */
static struct keep read_keep(struct ct_str json)
{
    const struct keep all = {-1, -1, 0}, none = {0, -1, 0};

    if (!json.data || ct_str_is(json, "null") || ct_str_is(json, "false") ||
        ct_str_is(json, "\"\""))
        return all;
    if (ct_str_is(json, "true") || json.data[0] == '"')
        return none;
    if (json.data[0] != '{')
        return (struct keep){json.data[0] == '[' ? -1 : whole(members_number(json)), -1, 0};

    double count = members_number(members_find(json, "count"));
    double age = members_number(members_find(json, "age"));
    double limit = members_number(members_find(json, "limit"));
    if (count == 0)
        return none;
    return (struct keep){count > 0 ? whole(ceil(count)) : -1, age >= 0 ? whole(age) : -1,
                         limit >= 1 ? whole(limit) : 0};
}

/* As parseInt reads what JSON holds. */
static double read_attempts(struct ct_str json)
{
    char text[32];
    char *end;

    if (json.len >= 2 && json.data[0] == '"')
        json = members_trim((struct ct_str){json.data + 1, json.len - 2});
    if (json.len == 0 || json.len >= sizeof text || !memchr("-+0123456789", json.data[0], 13))
        return NAN;
    memcpy(text, json.data, json.len);
    text[json.len] = '\0';
    double number = strtod(text, &end);
    return end == text ? NAN : trunc(number);
}

static void read_member(const struct members *members, struct job_options *out)
{
    const char *name = members->name;
    const struct ct_str value = members->value;

    if (strcmp(name, "attempts") == 0) {
        out->attempts = read_attempts(value);
    } else if (strcmp(name, "backoff") == 0) {
        out->backoff = ct_str_is(value, "null") ? CT_STR_NONE : value;
    } else if (strcmp(name, "timeout") == 0) {
        double timeout = members_number(value);
        out->timeout_ms = timeout > 0 ? whole(ceil(timeout)) : 0;
    } else if (strcmp(name, "delay") == 0) {
        double delay = members_number(value);
        out->delay_ms = delay > 0 ? whole(ceil(delay)) : 0;
    } else if (strcmp(name, "removeOnComplete") == 0) {
        out->on_complete = read_keep(value);
        out->has_on_complete = !ct_str_is(value, "null");
    } else if (strcmp(name, "removeOnFail") == 0) {
        out->on_fail = read_keep(value);
        out->has_on_fail = !ct_str_is(value, "null");
    } else if (strcmp(name, "repeat") == 0) {
        out->repeat = is_falsy(value) ? CT_STR_NONE : value;
    } else if (strcmp(name, "lifo") == 0) {
        out->is_lifo = !is_falsy(value);
    } else if (strcmp(name, "stackTraceLimit") == 0) {
        double limit = members_number(value);
        out->stack_trace_limit = limit >= 0 ? limit : NAN;
    } else if (strcmp(name, "kl") == 0) {
        double lines = members_number(value);
        out->keep_logs = lines >= 1 ? whole(lines) : 0;
    } else if (strcmp(name, "tm") == 0) {
        out->telemetry = value;
    } else if (strcmp(name, "preventParsingData") == 0) {
        out->keeps_data_text = !is_falsy(value);
    }
}

enum ct_code options_read(struct ct_str opts, struct job_options *out, struct ct_error *err)
{
    struct job_options options = {.attempts = 1,
                                  .stack_trace_limit = NAN,
                                  .on_complete = {-1, -1, 0},
                                  .on_fail = {-1, -1, 0}};
    struct members members;

    if (opts.len > 0) {
        enum ct_code rc = ct_json_check(opts, err);
        if (rc != CT_E_OK)
            return rc;
        if (!members_begin_object(&members, opts))
            return ct_error_set(err, CT_E_INVALID, "not a JSON object");
        while (members_next(&members))
            read_member(&members, &options);
    }
    *out = options;
    return CT_E_OK;
}
