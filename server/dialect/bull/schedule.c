/* Bull's series. Their keys say little; only their jobs' options tell a series in full. See
 * dialect/shared/schedule.h. */
#include "dialect/bull/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/bull/iteration.h"
#include "dialect/bull/keys.h"
#include "dialect/shared/schedule.h"

static void put_heads(struct ct_str key, struct redis_command *heads)
{
    struct series_key readings[SERIES_KEY_READINGS_MAX];
    uint32_t count = series_key_read(key, SERIES_KEY_BULL, readings);

    for (uint32_t i = 0; i < count; i++) {
        struct ct_buf head;

        ct_buf_init(&head);
        series_id_append(BULL_ID_JOINT, readings[i].name, readings[i].job_id, key, &head);
        redis_command_str(heads, ct_buf_str(&head));
        ct_buf_free(&head);
    }
}

static void read_key(struct schedule *schedule)
{
    if (!series_key_fill(ct_str_of(schedule->key), SERIES_KEY_BULL, schedule))
        schedule->name = ct_strdup(schedule->key);
}

static void read_series(struct schedule *schedule, const struct schedule_row *row)
{
    read_key(schedule);
    if (row->name.data)
        schedule_read_job(schedule, row->name, row->opts, &bull_repeat_form);
}

static void bull_build_look(const struct queue_name *name, const struct ct_str *keys,
                            uint32_t count, bool has_bodies, struct redis_command *command)
{
    schedule_build_look(&bull_schedule_look_script, put_heads, name, keys, count, has_bodies,
                        command);
}

static enum ct_code bull_parse_look(const struct redis_reply *reply, const struct ct_str *keys,
                                    uint32_t count, struct schedule *out, bool *is_there,
                                    struct ct_error *err)
{
    return schedule_parse_look(read_series, reply, keys, count, out, is_there, err);
}

static void bull_build_remove(const struct queue_name *name, struct ct_str key,
                              struct redis_command *command)
{
    schedule_build_remove(&bull_schedule_remove_script, &bull_key_table, put_heads, name, key,
                          command);
}

static enum ct_code bull_plan(const struct schedule_wish *wish, int64_t now_ms,
                              struct schedule *out, struct ct_error *err)
{
    struct iteration next = {.series = NULL};
    struct memberlist members;
    struct ct_buf text;
    enum ct_code rc = memberlist_init(&members, wish->opts, "opts", err);

    if (rc == CT_E_OK)
        rc = iteration_next(wish->name, &members, now_ms, &next, err);
    if (rc == CT_E_OK) {
        ct_buf_init(&text);
        memberlist_append(&members, &text);
        schedule_begin(out, ct_str_of(next.series));
        read_key(out);
        schedule_read_job(out, wish->name, ct_buf_str(&text), &bull_repeat_form);
        ct_buf_free(&text);
        out->next_ms = next.slot_ms;
        out->next_id = members_string(memberlist_find(&members, "jobId"));
    }
    free(next.series);
    memberlist_fini(&members);
    return rc;
}

static enum ct_code bull_next(const struct schedule *schedule, double after_ms, double *out_ms,
                              struct ct_error *err)
{
    struct repeat repeat = {
        .every = schedule->every_ms,
        .cron = schedule->cron,
        .tz = schedule->tz,
        .limit = NAN,
        .start_ms = schedule->start_ms,
        .end_ms = schedule->end_ms,
        .form = &bull_repeat_form,
    };

    return iteration_slot(&repeat, after_ms, out_ms, err);
}

const struct scheduler bull_scheduler = {
    .cron_name = "cron",
    .build_keys = schedule_build_keys,
    .parse_keys = schedule_parse_keys,
    .build_look = bull_build_look,
    .parse_look = bull_parse_look,
    .build_remove = bull_build_remove,
    .parse_remove = schedule_parse_remove,
    .plan = bull_plan,
    .next = bull_next,
};
