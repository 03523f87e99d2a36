/* Bull's series: the sorted set P+repeat holds their keys with the slots of their next jobs, which
 * are jobs like others; only their options tell a series in full. Builds the calls of
 * queue/schedule.h and reads their replies.
 *
 * A key is NAME:JOBID:END:EVERY or NAME:JOBID:END:TZ:CRON. Where a name or an id holds colons it
 * can be read in several ways, but only the right one leads to the id of a job: each is tried. */
#include "dialect/bull/schedule.h"

#include <math.h>
#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "cron/cron.h"
#include "dialect/bull/options.h"
#include "dialect/bull/iteration.h"

#define COLONS_MAX   32 /* that are looked at; Bull's own reading knows but four */
#define READINGS_MAX 16 /* ways to read a key that are tried */

/* --- keys ------------------------------------------------------------------------------------- */

/* One way to read a key. */
struct reading {
    struct ct_str name, job_id, end, tz, cron, every; /* in the key; cron or every is absent */
};

static struct ct_str part(struct ct_str key, size_t from, size_t until)
{
    return (struct ct_str){key.data + from, until - from};
}

static bool is_moment(struct ct_str text)
{
    int64_t number;

    return text.len == 0 || ct_str_to_int(text, &number);
}

/* What is behind the end date: a cron expression has no colons, a zone (UTC+03:30) may. */
static bool read_rule(struct ct_str text, struct reading *out)
{
    double every;

    out->cron = out->tz = out->every = CT_STR_NONE;
    for (size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == ':') {
            out->tz = part(text, 0, i - 1);
            out->cron = part(text, i, text.len);
            return out->cron.len > 0;
        }
    }
    out->every = text;
    return ct_str_to_double(text, &every) && every > 0;
}

struct colons {
    size_t at[COLONS_MAX];
    size_t count;
};

static void find_colons(struct ct_str key, struct colons *out)
{
    out->count = 0;
    for (size_t i = 0; i < key.len && out->count < COLONS_MAX; i++) {
        if (key.data[i] == ':')
            out->at[out->count++] = i;
    }
}

static bool read_at(struct ct_str key, size_t a, size_t b, size_t c, struct reading *out)
{
    out->name = part(key, 0, a);
    out->job_id = part(key, a + 1, b);
    out->end = part(key, b + 1, c);
    return is_moment(out->end) && read_rule(part(key, c + 1, key.len), out);
}

/* The ways to read a key, Bull's own first; how many there are, at most READINGS_MAX. */
static uint32_t read_key(struct ct_str key, struct reading out[READINGS_MAX])
{
    struct colons colons;
    uint32_t count = 0;

    find_colons(key, &colons);
    for (size_t a = 0; a + 2 < colons.count; a++) {
        for (size_t b = a + 1; b + 1 < colons.count; b++) {
            bool is_read = false;

            /* Name and id are the same for what follows the first that fits. */
            for (size_t c = b + 1; c < colons.count && !is_read && count < READINGS_MAX; c++)
                is_read = read_at(key, colons.at[a], colons.at[b], colons.at[c], &out[count]);
            count += is_read;
        }
    }
    return count;
}

/* The beginnings of its jobs' ids as arguments. */
static void put_heads(struct ct_str key, struct redis_command *heads)
{
    struct reading readings[READINGS_MAX];
    uint32_t count = read_key(key, readings);

    for (uint32_t i = 0; i < count; i++) {
        struct ct_buf head;

        ct_buf_init(&head);
        iteration_id_append(readings[i].name, readings[i].job_id, key, &head);
        redis_command_str(heads, ct_buf_str(&head));
        ct_buf_free(&head);
    }
}

/* --- schedules -------------------------------------------------------------------------------- */

static char *copy(struct ct_str text)
{
    return text.len ? ct_strndup(text.data, text.len) : NULL;
}

static double number_or_nan(struct ct_str text)
{
    double number;

    return text.len && ct_str_to_double(text, &number) ? number : NAN;
}

static bool makes_sense(const struct reading *reading)
{
    struct cron cron;
    char *text = copy(reading->cron);
    bool is_fine = !text || cron_parse(text, &cron, NULL) == CT_E_OK;

    free(text);
    return is_fine;
}

/* Of several ways to read a key the first whose rule is one: in "mail:send:::1000" 1000 is no cron
 * expression, so "send" is no id. */
static const struct reading *best_of(const struct reading *readings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (makes_sense(&readings[i]))
            return &readings[i];
    }
    return count > 0 ? readings : NULL;
}

static void fill_from_key(struct schedule *schedule, struct ct_str key)
{
    struct reading readings[READINGS_MAX];
    const struct reading *reading = best_of(readings, read_key(key, readings));

    *schedule = (struct schedule){.key = ct_strndup(key.data, key.len),
                                  .every_ms = NAN,
                                  .limit = NAN,
                                  .start_ms = NAN,
                                  .end_ms = NAN,
                                  .next_ms = NAN,
                                  .state = SCHEDULE_STOPPED};
    if (!reading) {
        schedule->name = ct_strndup(key.data, key.len);
        return;
    }
    schedule->name = ct_strndup(reading->name.data, reading->name.len);
    schedule->job_id = copy(reading->job_id);
    schedule->end_ms = number_or_nan(reading->end);
    schedule->tz = copy(reading->tz);
    schedule->cron = copy(reading->cron);
    schedule->every_ms = number_or_nan(reading->every);
}

static char *moved(char **from)
{
    char *text = *from;

    *from = NULL;
    return text;
}

/* What its job tells, which is all there is to know. */
static void fill_from_job(struct schedule *schedule, struct ct_str name, struct repeat *repeat)
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

static void read_job(struct schedule *schedule, struct ct_str name, struct ct_str opts)
{
    struct memberlist members;
    struct repeat repeat = {.job_id = NULL};

    if (memberlist_init(&members, opts, "opts", NULL) == CT_E_OK &&
        repeat_read(&repeat, memberlist_find(&members, "repeat"), BULL_CRON_NAME, NULL) == CT_E_OK)
        fill_from_job(schedule, name, &repeat);
    repeat_fini(&repeat);
    memberlist_fini(&members);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void put_key(const struct queue_name *name, const char *suffix,
                    struct redis_command *command)
{
    char *key = ct_asprintf("%s:%s:%s", name->prefix, name->name, suffix);

    redis_command_text(command, key);
    free(key);
}

static void begin(const struct queue_name *name, const struct redis_script *script,
                  struct redis_command *command)
{
    command->script = script;
    redis_command_int(command, 2);
    put_key(name, "repeat", command);
    put_key(name, "delayed", command);
    put_key(name, "", command);
}

static enum ct_code unexpected(struct ct_error *err)
{
    return ct_error_set(err, CT_E_REDIS_ERROR,
                        "Redis answered in a shape that was not expected: series");
}

static void bull_build_keys(const struct queue_name *name, int64_t offset,
                            struct redis_command *command)
{
    redis_command_text(command, "ZRANGE");
    put_key(name, "repeat", command);
    redis_command_int(command, offset);
    redis_command_int(command, offset + SCHEDULE_KEYS_MAX - 1);
}

static enum ct_code bull_parse_keys(const struct redis_reply *reply, struct ct_str *out,
                                    uint32_t *count, struct ct_error *err)
{
    size_t keys = redis_reply_count(reply);

    if (keys > SCHEDULE_KEYS_MAX)
        return unexpected(err);
    for (size_t i = 0; i < keys; i++)
        out[i] = redis_reply_str(redis_reply_at(reply, i));
    *count = (uint32_t)keys;
    return CT_E_OK;
}

static void bull_build_look(const struct queue_name *name, const struct ct_str *keys,
                            uint32_t count, bool has_bodies, struct redis_command *command)
{
    begin(name, &bull_inspect_series_script, command);
    redis_command_int(command, has_bodies);
    for (uint32_t i = 0; i < count; i++) {
        struct redis_command heads;

        redis_command_init(&heads, NULL);
        put_heads(keys[i], &heads);
        redis_command_str(command, keys[i]);
        redis_command_int(command, heads.argc);
        ct_buf_append_str(&command->body, ct_buf_str(&heads.body));
        command->argc += heads.argc;
        redis_command_fini(&heads);
    }
}

static struct ct_str owned(struct ct_str text)
{
    return text.data ? (struct ct_str){ct_strndup(text.data, text.len), text.len} : CT_STR_NONE;
}

static void read_row(const struct redis_reply *row, struct ct_str key, struct schedule *out)
{
    struct ct_str id = redis_reply_str(redis_reply_at(row, 1));
    struct ct_str name = redis_reply_str(redis_reply_at(row, 4));
    struct ct_str opts = redis_reply_str(redis_reply_at(row, 5));

    fill_from_key(out, key);
    out->next_ms = number_or_nan(redis_reply_str(redis_reply_at(row, 0)));
    if (id.len == 0)
        return;
    read_job(out, name, opts);
    if (redis_reply_int(redis_reply_at(row, 2), 0) != 0)
        out->state = SCHEDULE_PENDING;
    else if (redis_reply_int(redis_reply_at(row, 3), 0) == 0)
        out->state = SCHEDULE_DUE;
    if (out->state != SCHEDULE_STOPPED)
        out->next_id = ct_strndup(id.data, id.len);
    out->opts = owned(opts);
    out->data = owned(redis_reply_str(redis_reply_at(row, 6)));
}

static enum ct_code bull_parse_look(const struct redis_reply *reply, const struct ct_str *keys,
                                    uint32_t count, struct schedule *out, bool *is_there,
                                    struct ct_error *err)
{
    if (redis_reply_count(reply) != count)
        return unexpected(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct redis_reply *row = redis_reply_at(reply, i);

        is_there[i] = redis_reply_count(row) >= 2;
        if (is_there[i])
            read_row(row, keys[i], &out[i]);
    }
    return CT_E_OK;
}

static void bull_build_remove(const struct queue_name *name, struct ct_str key,
                              struct redis_command *command)
{
    struct redis_command heads;

    begin(name, &bull_schedule_remove_script, command);
    redis_command_str(command, key);
    redis_command_init(&heads, NULL);
    put_heads(key, &heads);
    ct_buf_append_str(&command->body, ct_buf_str(&heads.body));
    command->argc += heads.argc;
    redis_command_fini(&heads);
}

static enum ct_code bull_parse_remove(const struct redis_reply *reply, bool *is_removed,
                                      bool *is_job_removed, struct ct_error *err)
{
    if (redis_reply_count(reply) != 2)
        return unexpected(err);
    *is_removed = redis_reply_int(redis_reply_at(reply, 0), 0) != 0;
    *is_job_removed = redis_reply_int(redis_reply_at(reply, 1), 0) != 0;
    return CT_E_OK;
}

/* --- planning --------------------------------------------------------------------------------- */

static enum ct_code bull_plan(struct ct_str name, struct ct_str opts, int64_t now_ms,
                              struct schedule *out, struct ct_error *err)
{
    struct iteration next = {.series = NULL};
    struct memberlist members;
    struct ct_buf text;
    enum ct_code rc = memberlist_init(&members, opts, "opts", err);

    if (rc == CT_E_OK)
        rc = iteration_next(name, &members, now_ms, &next, err);
    if (rc == CT_E_OK) {
        ct_buf_init(&text);
        memberlist_append(&members, &text);
        fill_from_key(out, ct_str_of(next.series));
        read_job(out, name, ct_buf_str(&text));
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
    };

    if (!repeat.cron && !(repeat.every >= 1))
        return ct_error_set(err, CT_E_INVALID, "the series \"%s\" says neither cron nor every",
                            schedule->key ? schedule->key : "");
    /* Whether to go on is asked of the moment at which a job of the series runs. */
    if (after_ms > repeat.end_ms)
        return ct_error_set(err, CT_E_NOT_FOUND, "the series has reached its endDate");
    return iteration_slot(&repeat, after_ms, out_ms, err);
}

const struct scheduler bull_scheduler = {
    .build_keys = bull_build_keys,
    .parse_keys = bull_parse_keys,
    .build_look = bull_build_look,
    .parse_look = bull_parse_look,
    .build_remove = bull_build_remove,
    .parse_remove = bull_parse_remove,
    .plan = bull_plan,
    .next = bull_next,
};
