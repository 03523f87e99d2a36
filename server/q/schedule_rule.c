/* See the header. Dates go on as ms: a text would mean another moment to each reader. */
#include "q/schedule_rule.h"

#include "q/zoned.h"

static enum ct_code check(const struct schedule_rule *rule, const struct dialect *dialect,
                          struct ct_error *err)
{
    bool is_upserted = dialect->scheduler->build_upsert != NULL;

    if (!rule->cron == !rule->every_ms)
        return ct_error_set(err, CT_E_USAGE, "give either --cron EXPR or --every DURATION");
    if (!rule->cron && rule->tz)
        return ct_error_set(err, CT_E_USAGE, "--tz goes with --cron: --every has no clocks");
    if (!rule->cron && rule->start && !is_upserted)
        return ct_error_set(err, CT_E_USAGE,
                            "--start goes with --cron: --every counts from 1970, UTC");
    if (rule->offset_ms && (rule->cron || !is_upserted))
        return ct_error_set(err, CT_E_USAGE, "--offset goes with --every, in queues of BullMQ");
    return CT_E_OK;
}

static enum ct_code set_date(json_t *repeat, const char *name, const char *text, const char *tz,
                             const char *what, struct ct_error *err)
{
    int64_t ms;
    enum ct_code rc;

    if (!text)
        return CT_E_OK;
    rc = zoned_parse(text, tz, what, &ms, err);
    if (rc == CT_E_OK)
        json_object_set_new(repeat, name, json_integer(ms));
    return rc;
}

enum ct_code schedule_rule_build(const struct schedule_rule *rule, const struct dialect *dialect,
                                 json_t **out, struct ct_error *err)
{
    json_t *repeat;
    enum ct_code rc = check(rule, dialect, err);

    if (rc != CT_E_OK)
        return rc;
    repeat = json_object();
    if (rule->cron)
        json_object_set_new(repeat, dialect->scheduler->cron_name, json_string(rule->cron));
    else
        json_object_set_new(repeat, "every", json_integer(rule->every_ms));
    if (rule->offset_ms)
        json_object_set_new(repeat, "offset", json_integer(rule->offset_ms));
    if (rule->tz)
        json_object_set_new(repeat, "tz", json_string(rule->tz));
    rc = set_date(repeat, "startDate", rule->start, rule->tz, "--start", err);
    if (rc == CT_E_OK)
        rc = set_date(repeat, "endDate", rule->end, rule->tz, "--end", err);
    if (rc == CT_E_OK)
        *out = repeat;
    else
        json_decref(repeat);
    return rc;
}
