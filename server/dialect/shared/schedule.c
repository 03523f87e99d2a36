/* See the header. */
#include "dialect/shared/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "common/mem.h"
#include "dialect/shared/queue.h"
#include "dialect/shared/series_key.h"

enum ct_code schedule_unexpected(struct ct_error *err)
{
    return ct_error_set(err, CT_E_REDIS_ERROR,
                        "Redis answered in a shape that was not expected: series");
}

char *schedule_copy(struct ct_str text)
{
    return text.len ? ct_strndup(text.data, text.len) : NULL;
}

double schedule_number(struct ct_str text)
{
    double number;

    return text.len && ct_str_to_double(text, &number) ? number : NAN;
}

static void put_key(const struct queue_name *name, const char *suffix,
                    struct redis_command *command)
{
    char *key = ct_asprintf("%s:%s:%s", name->prefix, name->name, suffix);

    redis_command_text(command, key);
    free(key);
}

/* --- keys ------------------------------------------------------------------------------------- */

void schedule_build_keys(const struct queue_name *name, int64_t offset,
                         struct redis_command *command)
{
    redis_command_text(command, "ZRANGE");
    put_key(name, "repeat", command);
    redis_command_int(command, offset);
    redis_command_int(command, offset + SCHEDULE_KEYS_MAX - 1);
}

enum ct_code schedule_parse_keys(const struct redis_reply *reply, struct ct_str *out,
                                 uint32_t *count, struct ct_error *err)
{
    size_t keys = redis_reply_count(reply);

    if (keys > SCHEDULE_KEYS_MAX)
        return schedule_unexpected(err);
    for (size_t i = 0; i < keys; i++)
        out[i] = redis_reply_str(redis_reply_at(reply, i));
    *count = (uint32_t)keys;
    return CT_E_OK;
}

/* --- looking ---------------------------------------------------------------------------------- */

void schedule_build_look(const struct redis_script *script, schedule_heads_fn put_heads,
                         const struct queue_name *name, const struct ct_str *keys, uint32_t count,
                         bool has_bodies, struct redis_command *command)
{
    command->script = script;
    redis_command_int(command, 2);
    put_key(name, "repeat", command);
    put_key(name, "delayed", command);
    put_key(name, "", command);
    redis_command_int(command, has_bodies);
    for (uint32_t i = 0; i < count; i++) {
        struct redis_command heads;

        redis_command_init(&heads, NULL);
        put_heads(keys[i], &heads);
        redis_command_str(command, keys[i]);
        redis_command_int(command, heads.argc);
        redis_command_append(command, &heads);
        redis_command_fini(&heads);
    }
}

static struct ct_str owned(struct ct_str text)
{
    return text.data ? (struct ct_str){ct_strndup(text.data, text.len), text.len} : CT_STR_NONE;
}

static void read_row(const struct redis_reply *reply, struct schedule *out,
                     struct schedule_row *row)
{
    struct ct_str id = redis_reply_str(redis_reply_at(reply, 1));

    out->next_ms = schedule_number(redis_reply_str(redis_reply_at(reply, 0)));
    *row = (struct schedule_row){.rule = redis_reply_at(reply, 7)};
    if (id.len == 0)
        return;
    row->name = redis_reply_str(redis_reply_at(reply, 4));
    row->opts = redis_reply_str(redis_reply_at(reply, 5));
    if (redis_reply_int(redis_reply_at(reply, 2), 0) != 0)
        out->state = SCHEDULE_PENDING;
    else if (redis_reply_int(redis_reply_at(reply, 3), 0) == 0)
        out->state = SCHEDULE_DUE;
    if (out->state != SCHEDULE_STOPPED)
        out->next_id = ct_strndup(id.data, id.len);
    out->opts = owned(row->opts);
    out->data = owned(redis_reply_str(redis_reply_at(reply, 6)));
}

enum ct_code schedule_parse_look(void (*read)(struct schedule *schedule,
                                              const struct schedule_row *row),
                                 const struct redis_reply *reply, const struct ct_str *keys,
                                 uint32_t count, struct schedule *out, bool *is_there,
                                 struct ct_error *err)
{
    if (redis_reply_count(reply) != count)
        return schedule_unexpected(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct redis_reply *answer = redis_reply_at(reply, i);
        struct schedule_row row;

        is_there[i] = redis_reply_count(answer) >= 2;
        if (is_there[i]) {
            schedule_begin(&out[i], keys[i]);
            read_row(answer, &out[i], &row);
            read(&out[i], &row);
        }
    }
    return CT_E_OK;
}

static char *moved(char **from)
{
    char *text = *from;

    *from = NULL;
    return text;
}

static void fill_from_repeat(struct schedule *schedule, struct ct_str name, struct repeat *repeat)
{
    free(schedule->name);
    free(schedule->job_id);
    free(schedule->cron);
    free(schedule->tz);
    schedule->name = ct_strndup(name.data, name.len);
    schedule->job_id = moved(&repeat->job_id);
    schedule->cron = moved(&repeat->cron);
    schedule->tz = moved(&repeat->tz);
    schedule->every_ms = repeat->every;
    schedule->limit = repeat->limit;
    schedule->count = repeat->count;
    schedule->start_ms = repeat->start_ms;
    schedule->end_ms = repeat->end_ms;
}

void schedule_read_job(struct schedule *schedule, struct ct_str name, struct ct_str opts,
                       const struct repeat_form *form)
{
    struct memberlist members;
    struct repeat repeat = {.job_id = NULL};

    if (memberlist_init(&members, opts, "opts", NULL) == CT_E_OK &&
        repeat_read(&repeat, memberlist_find(&members, "repeat"), form, NULL) == CT_E_OK)
        fill_from_repeat(schedule, name, &repeat);
    repeat_fini(&repeat);
    memberlist_fini(&members);
}

/* --- removing --------------------------------------------------------------------------------- */

void schedule_build_remove(const struct redis_script *script, const struct key_table *table,
                           schedule_heads_fn put_heads, const struct queue_name *name,
                           struct ct_str key, struct redis_command *command)
{
    struct redis_command heads;
    struct queue_keys keys;

    queue_keys_init(&keys, table, name->prefix, name->name);
    queue_keys_begin(&keys, script, 0, DIALECT_OUTSIDER, command);
    queue_keys_fini(&keys);
    redis_command_str(command, key);
    redis_command_init(&heads, NULL);
    put_heads(key, &heads);
    redis_command_append(command, &heads);
    redis_command_fini(&heads);
}

enum ct_code schedule_parse_remove(const struct redis_reply *reply, bool *is_removed,
                                   bool *is_job_removed, struct ct_error *err)
{
    if (redis_reply_count(reply) != 2)
        return schedule_unexpected(err);
    *is_removed = redis_reply_int(redis_reply_at(reply, 0), 0) != 0;
    *is_job_removed = redis_reply_int(redis_reply_at(reply, 1), 0) != 0;
    return CT_E_OK;
}
