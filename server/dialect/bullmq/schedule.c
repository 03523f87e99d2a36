/* BullMQ's series: a scheduler is a hash that holds its rule and the template of its jobs. Those of
 * older versions have a hash that says less, or none at all: they are shown for what they are. See
 * dialect/shared/schedule.h. */
#include "dialect/bullmq/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/mem.h"
#include "dialect/bullmq/keys.h"
#include "dialect/bullmq/series.h"
#include "dialect/shared/schedule.h"
#include "dialect/shared/series_key.h"

/* Fields of series_rule.lua. */
enum rule_field {
    RULE_NAME,
    RULE_PATTERN,
    RULE_EVERY,
    RULE_TZ,
    RULE_LIMIT,
    RULE_START,
    RULE_END,
    RULE_OFFSET,
    RULE_COUNT,
    RULE_DATA,
    RULE_OPTS,
    RULE_FIELDS
};

/* --- looking ---------------------------------------------------------------------------------- */

static void put_head(const char *joint, struct ct_str name, struct ct_str job_id, struct ct_str key,
                     struct redis_command *heads)
{
    struct ct_buf head;

    ct_buf_init(&head);
    series_id_append(joint, name, job_id, key, &head);
    redis_command_str(heads, ct_buf_str(&head));
    ct_buf_free(&head);
}

/* "repeat:KEY:", and what older versions made of keys that tell what they are. */
static void put_heads(struct ct_str key, struct redis_command *heads)
{
    struct series_key readings[SERIES_KEY_READINGS_MAX];
    struct ct_buf head;

    ct_buf_init(&head);
    ct_buf_append_str(&head, CT_STR_LIT("repeat:"));
    ct_buf_append_str(&head, key);
    ct_buf_append_char(&head, ':');
    redis_command_str(heads, ct_buf_str(&head));
    ct_buf_free(&head);
    for (int form = SERIES_KEY_BULL; form <= SERIES_KEY_BULLMQ; form++) {
        uint32_t count = series_key_read(key, (enum series_key_form)form, readings);

        for (uint32_t i = 0; i < count; i++) {
            put_head("", readings[i].name, readings[i].job_id, key, heads);
            put_head(":", readings[i].name, readings[i].job_id, key, heads);
        }
    }
}

static void set_text(char **text, struct ct_str value)
{
    free(*text);
    *text = schedule_copy(value);
}

static void set_body(struct ct_str *body, struct ct_str value)
{
    if (!value.data)
        return;
    free((char *)body->data);
    *body = (struct ct_str){ct_strndup(value.data, value.len), value.len};
}

/* The hash beats the job that was made of it. One without a count is of a time when the hash held
 * only half of it. */
static void fill_from_rule(struct schedule *schedule, const struct redis_reply *rule)
{
    struct ct_str field[RULE_FIELDS];

    for (int i = 0; i < RULE_FIELDS; i++)
        field[i] = redis_reply_str(redis_reply_at(rule, (size_t)i));
    set_text(&schedule->name, field[RULE_NAME]);
    set_text(&schedule->cron, field[RULE_PATTERN]);
    set_text(&schedule->tz, field[RULE_TZ]);
    schedule->every_ms = schedule_number(field[RULE_EVERY]);
    schedule->start_ms = schedule_number(field[RULE_START]);
    schedule->end_ms = schedule_number(field[RULE_END]);
    schedule->offset_ms = schedule->cron ? NAN : schedule_number(field[RULE_OFFSET]);
    schedule->made_count = schedule_number(field[RULE_COUNT]);
    if (field[RULE_COUNT].data)
        schedule->limit = schedule_number(field[RULE_LIMIT]);
    else
        schedule->legacy = "bullmq 5.10 to 5.81";
    set_body(&schedule->data, field[RULE_DATA]);
    set_body(&schedule->opts, field[RULE_OPTS]);
}

/* Cron expressions look alike in Bull's keys and in BullMQ's, which is why both are named. */
static void fill_from_key(struct schedule *schedule)
{
    struct ct_str key = ct_str_of(schedule->key);

    if (series_key_is_legacy(key) && series_key_fill(key, SERIES_KEY_BULLMQ, schedule))
        schedule->legacy = schedule->cron ? "bull, or bullmq before 5.10" : "bullmq before 5.10";
    else if (series_key_fill(key, SERIES_KEY_BULL, schedule))
        schedule->legacy = "bull";
    else
        schedule->legacy = "its hash is missing";
}

static void read_series(struct schedule *schedule, const struct schedule_row *row)
{
    bool has_rule = redis_reply_count(row->rule) == RULE_FIELDS;

    if (!has_rule)
        fill_from_key(schedule);
    if (row->name.data)
        schedule_read_job(schedule, row->name, row->opts, &bullmq_repeat_form);
    if (has_rule)
        fill_from_rule(schedule, row->rule);
    if (!schedule->name)
        schedule->name = ct_strdup(schedule->key);
}

static void bullmq_build_look(const struct queue_name *name, const struct ct_str *keys,
                              uint32_t count, bool has_bodies, struct redis_command *command)
{
    schedule_build_look(&bullmq_schedule_look_script, put_heads, name, keys, count, has_bodies,
                        command);
}

static enum ct_code bullmq_parse_look(const struct redis_reply *reply, const struct ct_str *keys,
                                      uint32_t count, struct schedule *out, bool *is_there,
                                      struct ct_error *err)
{
    return schedule_parse_look(read_series, reply, keys, count, out, is_there, err);
}

static void bullmq_build_remove(const struct queue_name *name, struct ct_str key,
                                struct redis_command *command)
{
    schedule_build_remove(&bullmq_schedule_remove_script, &bullmq_key_table, put_heads, name, key,
                          command);
}

/* --- when ------------------------------------------------------------------------------------- */

static enum ct_code bullmq_next(const struct schedule *schedule, double after_ms, double *out_ms,
                                struct ct_error *err)
{
    struct repeat repeat = {
        .cron = schedule->cron,
        .tz = schedule->tz,
        .start_ms = schedule->start_ms,
        .end_ms = schedule->end_ms,
        .form = &bullmq_repeat_form,
    };
    double every = schedule->every_ms, base = schedule->next_ms;

    if (repeat.cron)
        return series_cron_slot(&repeat, after_ms, out_ms, err);
    if (isnan(base))
        base = isnan(schedule->offset_ms) ? 0 : schedule->offset_ms;
    *out_ms = base + (floor((after_ms - base) / every) + 1) * every;
    if (*out_ms > REPEAT_MS_MAX)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached the end of time");
    return CT_E_OK;
}

const struct scheduler bullmq_scheduler = {
    .cron_name = "pattern",
    .build_keys = schedule_build_keys,
    .parse_keys = schedule_parse_keys,
    .build_look = bullmq_build_look,
    .parse_look = bullmq_parse_look,
    .build_remove = bullmq_build_remove,
    .parse_remove = schedule_parse_remove,
    .plan = bullmq_plan,
    .build_upsert = bullmq_build_upsert,
    .parse_upsert = bullmq_parse_upsert,
    .next = bullmq_next,
};
