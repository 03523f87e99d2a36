/* Beginning and changing schedulers: what somebody wants becomes rule and template, and the
 * arguments of schedule_upsert.lua. Reads time zones only. */
#include <math.h>
#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/json.h"
#include "common/mem.h"
#include "dialect/bullmq/entry.h"
#include "dialect/bullmq/schedule.h"
#include "dialect/bullmq/series.h"
#include "dialect/shared/entry.h"
#include "dialect/shared/series_key.h"

#define SERIES_ID_MAX 1024

/* Codes of the script. */
#define ANSWER_SLOT_TAKEN  (-10)
#define ANSWER_SLOTS_TAKEN (-11)

struct wanted {
    struct memberlist opts; /* the template */
    struct repeat rule;
    bool is_immediate;
    double offset_ms; /* NaN: none was asked for */
    double slot_ms;   /* the first one; of `every` as if the series were new */
    struct ct_buf data;
};

static void wanted_fini(struct wanted *wanted)
{
    memberlist_fini(&wanted->opts);
    repeat_fini(&wanted->rule);
    ct_buf_free(&wanted->data);
}

static enum ct_code check_id(struct ct_str id, struct ct_error *err)
{
    if (id.len == 0)
        return ct_error_set(err, CT_E_INVALID, "a scheduler needs an id");
    if (id.len > SERIES_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "the id of a scheduler is over %d bytes",
                            SERIES_ID_MAX);
    if (series_key_is_legacy(id))
        return ct_error_set(err, CT_E_INVALID,
                            "\"%.*s\" has the form that keys of repeatable jobs had: BullMQ would "
                            "take it for one",
                            (int)id.len, id.data);
    return CT_E_OK;
}

static void drop(struct memberlist *opts, const char *const *names)
{
    for (; *names; names++)
        memberlist_remove(opts, *names);
}

/* What is to be of each job, not of one alone or of the series. */
static enum ct_code read_template(struct wanted *wanted, int64_t now_ms, struct ct_error *err)
{
    static const char *const others[] = {"repeat", "jobId", "prevMillis", "repeatJobKey", NULL};
    static const char *const generated[] = {"parent", "delay", "timestamp", NULL};
    bool has_attempts = memberlist_find(&wanted->opts, "attempts").data != NULL;
    struct entry_options options;

    if (!js_is_falsy(memberlist_find(&wanted->opts, "parent")))
        return ct_error_set(err, CT_E_INVALID, "jobs of a scheduler have no parent");
    drop(&wanted->opts, others);
    enum ct_code rc = entry_options_read(&options, &wanted->opts, now_ms, err);
    entry_options_fini(&options);
    drop(&wanted->opts, generated);
    if (!has_attempts)
        memberlist_remove(&wanted->opts, "attempts");
    return rc;
}

static enum ct_code read_offset(struct wanted *wanted, struct ct_error *err)
{
    struct ct_str json = memberlist_find(&wanted->rule.members, "offset");

    wanted->offset_ms = NAN;
    if (wanted->rule.cron || js_is_falsy(json))
        return CT_E_OK;
    wanted->offset_ms = members_number(json);
    if (!(wanted->offset_ms >= 1 && wanted->offset_ms <= REPEAT_MS_MAX))
        return ct_error_set(err, CT_E_INVALID, "repeat.offset must be a number of ms");
    wanted->offset_ms = floor(wanted->offset_ms);
    return CT_E_OK;
}

static enum ct_code find_slot(struct wanted *wanted, int64_t now_ms, struct ct_error *err)
{
    const struct repeat *rule = &wanted->rule;
    double now = (double)now_ms;

    if (rule->cron) {
        enum ct_code rc = repeat_cron_slot(rule, now, &wanted->slot_ms, err);
        if (rc == CT_E_OK && wanted->is_immediate)
            wanted->slot_ms = now;
        return rc;
    }
    wanted->slot_ms = now;
    if (!isnan(rule->start_ms)) {
        wanted->slot_ms = fmax(rule->start_ms, now);
    } else if (!isnan(wanted->offset_ms)) {
        double slot_ms = floor(now / rule->every) * rule->every + wanted->offset_ms;
        wanted->slot_ms = slot_ms > now ? slot_ms : slot_ms + rule->every;
    }
    return CT_E_OK;
}

static enum ct_code read_data(struct wanted *wanted, struct ct_str data, struct ct_error *err)
{
    struct ct_str text = members_trim(data);

    if (!text.data) {
        ct_buf_append_str(&wanted->data, CT_STR_LIT("{}"));
        return CT_E_OK;
    }
    enum ct_code rc = ct_json_check(text, err);
    if (rc != CT_E_OK)
        ct_error_wrap(err, "data");
    else
        js_append_compact(&wanted->data, text);
    return rc;
}

/* NOT_FOUND: there would be no job. The caller calls wanted_fini, also after a failure. */
static enum ct_code wanted_read(struct wanted *wanted, const struct schedule_wish *wish,
                                int64_t now_ms, struct ct_error *err)
{
    struct ct_str repeat;
    enum ct_code rc;

    *wanted = (struct wanted){.offset_ms = NAN};
    ct_buf_init(&wanted->data);
    rc = memberlist_init(&wanted->opts, wish->opts, "opts", err);
    if (rc != CT_E_OK)
        return rc;
    repeat = memberlist_find(&wanted->opts, "repeat");
    rc = repeat_read(&wanted->rule, repeat, &bullmq_repeat_form, err);
    if (rc != CT_E_OK)
        return rc;
    memberlist_remove(&wanted->rule.members, "count");
    wanted->is_immediate = !js_is_falsy(members_find(repeat, "immediately"));
    if (wanted->is_immediate && !isnan(wanted->rule.start_ms))
        return ct_error_set(err, CT_E_INVALID,
                            "Both .immediately and .startDate options are defined for this "
                            "repeatable job");
    rc = check_id(ct_str_of(wish->id), err);
    if (rc == CT_E_OK)
        rc = read_offset(wanted, err);
    if (rc == CT_E_OK)
        rc = read_template(wanted, now_ms, err);
    if (rc == CT_E_OK)
        rc = read_data(wanted, wish->data, err);
    if (rc == CT_E_OK)
        rc = series_check_end(&wanted->rule, 1, now_ms, err);
    if (rc == CT_E_OK)
        rc = find_slot(wanted, now_ms, err);
    return rc;
}

enum ct_code bullmq_plan(const struct schedule_wish *wish, int64_t now_ms, struct schedule *out,
                         struct ct_error *err)
{
    struct wanted wanted;
    enum ct_code rc = wanted_read(&wanted, wish, now_ms, err);
    const struct repeat *rule = &wanted.rule;

    if (rc == CT_E_OK) {
        schedule_begin(out, ct_str_of(wish->id));
        out->name = ct_strndup(wish->name.data, wish->name.len);
        out->cron = rule->cron ? ct_strdup(rule->cron) : NULL;
        out->tz = rule->tz ? ct_strdup(rule->tz) : NULL;
        out->every_ms = rule->every;
        out->limit = rule->limit;
        out->start_ms = rule->start_ms;
        out->end_ms = rule->end_ms;
        out->offset_ms = wanted.offset_ms;
        out->count = 1;
        out->next_ms = wanted.slot_ms;
    }
    wanted_fini(&wanted);
    return rc;
}

/* --- the call --------------------------------------------------------------------------------- */

/* NaN: an empty argument. */
static void put_number(struct redis_command *out, double number)
{
    if (isnan(number))
        redis_command_text(out, "");
    else
        entry_put_number(out, number);
}

static void put_field_number(struct redis_command *out, const char *name, double number)
{
    if (isnan(number))
        return;
    redis_command_text(out, name);
    put_number(out, number);
}

static void put_field_text(struct redis_command *out, const char *name, const char *text)
{
    if (!text)
        return;
    redis_command_text(out, name);
    redis_command_text(out, text);
}

/* What is empty is left out. */
static void put_field_json(struct redis_command *out, const char *name, struct ct_str json)
{
    if (ct_str_is(json, "{}"))
        return;
    redis_command_text(out, name);
    redis_command_str(out, json);
}

static void put_series(const struct wanted *wanted, struct ct_str name, struct redis_command *out)
{
    const struct repeat *rule = &wanted->rule;
    struct ct_buf opts;

    redis_command_text(out, "name");
    redis_command_str(out, name);
    put_field_text(out, bullmq_repeat_form.cron_name, rule->cron);
    if (!rule->cron)
        put_field_number(out, "every", rule->every);
    put_field_text(out, "tz", rule->tz);
    put_field_number(out, "limit", rule->limit);
    put_field_number(out, "startDate", rule->start_ms);
    put_field_number(out, "endDate", rule->end_ms);
    put_field_json(out, "data", ct_buf_str(&wanted->data));
    ct_buf_init(&opts);
    memberlist_append(&wanted->opts, &opts);
    put_field_json(out, "opts", ct_buf_str(&opts));
    ct_buf_free(&opts);
}

static void put_job(struct wanted *wanted, struct ct_str id, struct redis_command *out)
{
    struct memberlist opts = {.count = 0};

    for (uint32_t i = 0; i < wanted->opts.count; i++)
        memberlist_set(&opts, wanted->opts.member[i].name, ct_str_of(wanted->opts.member[i].value));
    series_next_opts(&opts, &wanted->rule, id, 1);
    series_put_iteration(&opts, id, wanted->rule.cron != NULL, out);
    memberlist_fini(&opts);
}

enum ct_code bullmq_build_upsert(const struct queue_name *name, const struct schedule_wish *wish,
                                 int64_t now_ms, struct redis_command *command,
                                 struct ct_error *err)
{
    struct ct_str id = ct_str_of(wish->id);
    struct wanted wanted;
    struct queue_keys keys;
    enum ct_code rc = wanted_read(&wanted, wish, now_ms, err);

    if (rc == CT_E_OK) {
        queue_keys_init(&keys, &bullmq_key_table, name->prefix, name->name);
        queue_keys_begin(&keys, &bullmq_schedule_upsert_script, now_ms, DIALECT_OUTSIDER, command);
        queue_keys_fini(&keys);
        redis_command_str(command, id);
        put_number(command, wanted.rule.cron ? wanted.slot_ms : NAN);
        put_number(command, wanted.rule.cron ? NAN : wanted.rule.every);
        put_number(command, wanted.offset_ms);
        put_number(command, wanted.rule.cron ? NAN : wanted.rule.start_ms);
        redis_command_str(command, ct_buf_str(&wanted.data));
        put_job(&wanted, id, command);
        put_series(&wanted, wish->name, command);
    }
    wanted_fini(&wanted);
    return rc;
}

enum ct_code bullmq_parse_upsert(const struct redis_reply *reply, struct schedule *schedule,
                                 struct ct_error *err)
{
    struct ct_str id = redis_reply_str(redis_reply_at(reply, 0));
    struct ct_str delay = redis_reply_str(redis_reply_at(reply, 1));
    struct ct_str slot = redis_reply_str(redis_reply_at(reply, 2));
    enum ct_code rc = redis_reply_check(reply, err);
    int64_t code = redis_reply_int(redis_reply_at(reply, 0), 0);

    if (rc != CT_E_OK)
        return rc;
    if (code == ANSWER_SLOT_TAKEN || code == ANSWER_SLOTS_TAKEN)
        return ct_error_set(err, CT_E_CONFLICT,
                            "the next %s of series \"%s\" %s a job already: its jobs must be "
                            "removed first, or be done",
                            code == ANSWER_SLOT_TAKEN ? "slot" : "32 slots", schedule->key,
                            code == ANSWER_SLOT_TAKEN ? "has" : "have");
    if (!id.data || !ct_str_to_double(slot, &schedule->next_ms))
        return ct_error_set(err, CT_E_INTERNAL, "schedule_upsert.lua answered what it should not");
    free(schedule->next_id);
    schedule->next_id = ct_strndup(id.data, id.len);
    schedule->state = ct_str_is(delay, "0") ? SCHEDULE_DUE : SCHEDULE_PENDING;
    return CT_E_OK;
}
