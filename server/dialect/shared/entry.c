/* See the header. What the packages would store although their own scripts break on it later (a
 * delay that is no number, null as a retention) is refused. Pure. */
#include "dialect/shared/entry.h"

#include <math.h>

#include "common/json.h"

enum ct_code entry_number(const struct memberlist *opts, const char *name, double fallback,
                          double *out, struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, name);

    *out = fallback;
    if (js_is_falsy(json))
        return CT_E_OK;
    *out = ct_str_is(json, "true") ? 1 : members_number(json);
    if (isnan(*out))
        return ct_error_set(err, CT_E_INVALID, "option %s must be a number", name);
    return CT_E_OK;
}

enum ct_code entry_times(const struct memberlist *opts, int64_t now_ms, double *delay,
                         double *timestamp, struct ct_error *err)
{
    enum ct_code rc = entry_number(opts, "delay", 0, delay, err);

    if (rc == CT_E_OK)
        rc = entry_number(opts, "timestamp", (double)now_ms, timestamp, err);
    if (rc != CT_E_OK)
        return rc;
    if (fabs(*delay) > ENTRY_MS_MAX || fabs(*timestamp) > ENTRY_MS_MAX)
        return ct_error_set(err, CT_E_INVALID,
                            "options delay and timestamp must be at most %.0f ms", ENTRY_MS_MAX);
    return CT_E_OK;
}

static enum ct_code check_keep(const struct memberlist *opts, const char *name,
                               struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, name);
    bool is_fine = !json.data || ct_str_is(json, "true") || ct_str_is(json, "false");
    double number;

    if (!is_fine && json.data[0] == '{') {
        struct ct_str count = members_find(json, "count"), age = members_find(json, "age");
        is_fine = (!count.data || ct_str_to_double(count, &number)) &&
                  (!age.data || ct_str_to_double(age, &number));
    } else if (!is_fine) {
        is_fine = ct_str_to_double(json, &number);
    }
    if (!is_fine)
        return ct_error_set(err, CT_E_INVALID,
                            "option %s must be true, false, a number of jobs, or {\"age\": "
                            "seconds, \"count\": jobs}",
                            name);
    return CT_E_OK;
}

enum ct_code entry_check_keeps(const struct memberlist *opts, struct ct_error *err)
{
    enum ct_code rc = check_keep(opts, "removeOnComplete", err);

    return rc == CT_E_OK ? check_keep(opts, "removeOnFail", err) : rc;
}

enum ct_code entry_normalise_backoff(struct memberlist *opts, struct ct_error *err)
{
    struct ct_str json = memberlist_find(opts, "backoff");
    struct ct_buf text;
    double delay;

    if (!json.data)
        return CT_E_OK;
    if (json.data[0] == '{' && members_find(json, "type").len > 2)
        return CT_E_OK;
    if (json.data[0] == '{') /* merged from two sources; it would be stored and fail its attempts */
        return ct_error_set(err, CT_E_INVALID,
                            "option backoff needs a type, as in "
                            "{\"type\": \"exponential\", \"delay\": 1000}");
    if (ct_str_to_double(json, &delay)) {
        ct_buf_init(&text);
        ct_buf_append_str(&text, CT_STR_LIT("{\"type\":\"fixed\",\"delay\":"));
        js_append_number(&text, delay);
        ct_buf_append_char(&text, '}');
        memberlist_set(opts, "backoff", ct_buf_str(&text));
        ct_buf_free(&text);
        return CT_E_OK;
    }
    if (!js_is_falsy(json))
        return ct_error_set(err, CT_E_INVALID,
                            "option backoff must be a number of ms or an object with type and "
                            "delay");
    memberlist_remove(opts, "backoff");
    return CT_E_OK;
}

enum ct_code entry_ttl(struct ct_str json, const char *what, double *out, struct ct_error *err)
{
    *out = 0;
    if (!json.data || ct_str_is(json, "null"))
        return CT_E_OK;
    *out = members_number(json);
    if (!(*out >= 1 && *out <= ENTRY_MS_MAX) || *out != trunc(*out))
        return ct_error_set(err, CT_E_INVALID,
                            "option %s must be a whole number of ms, from 1 to %.0f", what,
                            ENTRY_MS_MAX);
    return CT_E_OK;
}

enum ct_code entry_data(struct ct_str data, struct ct_buf *out, struct ct_error *err)
{
    if (!data.data) {
        ct_buf_append_str(out, CT_STR_LIT("{}"));
        return CT_E_OK;
    }
    enum ct_code rc = ct_json_check(data, err);
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "data");
        return rc;
    }
    js_append_compact(out, data);
    return CT_E_OK;
}

void entry_put_number(struct redis_command *out, double number)
{
    struct ct_buf text;

    ct_buf_init(&text);
    js_append_number(&text, number);
    redis_command_str(out, ct_buf_str(&text));
    ct_buf_free(&text);
}
