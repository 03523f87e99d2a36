/* Reads dead letters (inc/dead.lua writes them) and takes them out of their queue (dead_move.lua).
 * Whoever else writes the same JSON is read as well. Called by cartrita-q. */
#include "dialect/shared/letter.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/memberlist.h"
#include "dialect/shared/queue.h"
#include "queue/inspect.h"

/* --- reading -------------------------------------------------------------------------------- */

/* A copy in which bytes that are not UTF-8 are U+FFFD, as JavaScript reads them. */
static struct ct_str copy_utf8(struct ct_str text)
{
    struct ct_str copy;
    struct ct_buf buf;

    ct_buf_init(&buf);
    for (size_t at = 0; at < text.len;) {
        size_t len = ct_str_utf8_len(text, at);

        if (len > 0)
            ct_buf_append(&buf, text.data + at, len);
        else
            ct_buf_append_str(&buf, CT_STR_LIT("\xEF\xBF\xBD"));
        at += len > 0 ? len : 1;
    }
    copy.len = buf.len;
    copy.data = ct_buf_take(&buf, NULL);
    return copy;
}

static struct ct_str copy_str(struct ct_str text)
{
    return (struct ct_str){ct_strndup(text.data, text.len), text.len};
}

/* The meaning of a JSON string; what has no meaning in UTF-8 (half a surrogate pair) stays as it is
 * written. */
static struct ct_str string_of(struct ct_str json)
{
    struct ct_str text = {NULL, 0};
    json_t *value;

    if (json.len < 2 || json.data[0] != '"')
        return text;
    value = json_loadb(json.data, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    text = json_is_string(value)
               ? copy_str((struct ct_str){json_string_value(value), json_string_length(value)})
               : copy_str((struct ct_str){json.data + 1, json.len - 2});
    json_decref(value);
    return text;
}

static bool is_unparsed(struct ct_str letter, const char *name)
{
    struct members names;
    bool is_there = false;

    if (!members_begin_array(&names, members_find(letter, "unparsed")))
        return false;
    while (members_next(&names)) {
        char *text = members_string(names.value);

        is_there = is_there || (text && strcmp(text, name) == 0);
        free(text);
    }
    return is_there;
}

/* The text that the job had stored under this name. */
static struct ct_str stored_text(struct ct_str letter, const char *name)
{
    struct ct_str json = members_find(letter, name);

    if (!json.data)
        return copy_str(CT_STR_LIT("{}"));
    return json.data[0] == '"' && is_unparsed(letter, name) ? string_of(json) : copy_str(json);
}

static int64_t number_of(struct ct_str letter, const char *name)
{
    double number = members_number(members_find(letter, name));

    return number > 0 && number < 0x1p53 ? (int64_t)number : 0;
}

bool letter_read(struct ct_str data, struct dead_letter *out)
{
    struct ct_str text = data.data ? copy_utf8(data) : CT_STR_NONE;

    *out = (struct dead_letter){.text = text};
    if (!text.data || members_trim(text).len == 0 || members_trim(text).data[0] != '{' ||
        ct_json_check(text, NULL) != CT_E_OK)
        goto fail;
    out->queue = members_string(members_find(text, "queue"));
    out->id = members_string(members_find(text, "id"));
    out->name = members_string(members_find(text, "name"));
    out->reason = string_of(members_find(text, "failedReason"));
    if (!out->queue || !*out->queue || !out->id || !out->name || !out->reason.data)
        goto fail;
    out->data = stored_text(text, "data");
    out->opts = stored_text(text, "opts");
    out->stacktrace = members_find(text, "stacktrace");
    out->attempts_made = number_of(text, "attemptsMade");
    out->timestamp_ms = number_of(text, "timestamp");
    out->processed_ms = number_of(text, "processedOn");
    out->finished_ms = number_of(text, "finishedOn");
    return true;

fail:
    dead_letter_fini(out);
    return false;
}

/* --- back to work --------------------------------------------------------------------------- */

/* Where a job comes from that runs again; unknown options are kept by every client. */
static void set_origin(struct memberlist *opts, const struct dead_call *call,
                       const struct dead_move *move)
{
    struct ct_str before = memberlist_find(opts, "redrivenFrom");
    double count = before.data ? members_number(members_find(before, "count")) : 0;
    struct ct_str reason = move->letter->reason;
    struct ct_buf json;

    if (reason.len > DEAD_REASON_MAX) {
        reason.len = DEAD_REASON_MAX;
        while (reason.len > 0 && ((unsigned char)reason.data[reason.len] & 0xC0) == 0x80)
            reason.len--;
    }
    ct_buf_init(&json);
    ct_buf_append_str(&json, CT_STR_LIT("{\"queue\":"));
    ct_json_append_string(&json, ct_str_of(move->letter->queue));
    ct_buf_append_str(&json, CT_STR_LIT(",\"id\":"));
    ct_json_append_string(&json, ct_str_of(move->letter->id));
    ct_buf_append_str(&json, CT_STR_LIT(",\"dlq\":"));
    ct_json_append_string(&json, ct_str_of(call->dead.name));
    ct_buf_append_str(&json, CT_STR_LIT(",\"dlqId\":"));
    ct_json_append_string(&json, move->id);
    ct_buf_append_str(&json, CT_STR_LIT(",\"failedReason\":"));
    ct_json_append_string(&json, reason);
    ct_buf_printf(&json, ",\"count\":%.0f}", count > 0 && count < 1e9 ? count + 1 : 1);
    memberlist_set(opts, "redrivenFrom", ct_buf_str(&json));
    ct_buf_free(&json);
}

static bool has_own_id(const struct memberlist *opts)
{
    struct ct_str id = memberlist_find(opts, "jobId");

    return id.data && !ct_str_is(id, "null") && !ct_str_is(id, "\"\"") &&
           js_is_falsy(memberlist_find(opts, "repeat"));
}

/* What belonged to the first life of the job and not to what it has to do. */
static void clear_past(struct memberlist *opts, const char *const *past)
{
    memberlist_remove(opts, "delay");
    memberlist_remove(opts, "timestamp");
    memberlist_remove(opts, "repeat");
    memberlist_remove(opts, "prevMillis");
    for (; *past; past++)
        memberlist_remove(opts, *past);
}

/* What a form needs: where its job goes, and how the dialect writes it. */
struct redrive {
    const struct dead_keeper *keeper;
    const struct dialect_queue *queue; /* that gets the jobs */
    int64_t now_ms;
    const struct ct_random *random;
};

static enum ct_code put_form(const struct redrive *redrive, const struct dead_letter *letter,
                             const struct memberlist *opts, struct redis_command *out,
                             struct ct_error *err)
{
    struct redis_command form;
    struct ct_buf text;

    redis_command_init(&form, NULL);
    ct_buf_init(&text);
    memberlist_append(opts, &text);
    struct job_add add = {
        .name = ct_str_of(letter->name), .data = letter->data, .opts = ct_buf_str(&text)};
    enum ct_code rc = redrive->keeper->write_job(redrive->queue, &add, redrive->now_ms,
                                                 redrive->random, &form, err);
    if (rc == CT_E_OK) {
        redis_command_int(out, form.argc);
        redis_command_append(out, &form);
    }
    redis_command_fini(&form);
    ct_buf_free(&text);
    return rc;
}

/* The arguments of one letter; on failure some may be in `out`. */
static enum ct_code put_job(const struct redrive *redrive, const struct dead_call *call,
                            const struct dead_move *move, struct redis_command *out,
                            struct ct_error *err)
{
    struct memberlist opts;
    enum ct_code rc = memberlist_init(&opts, move->letter->opts, "opts", err);

    if (rc == CT_E_OK) {
        bool is_own = has_own_id(&opts);

        clear_past(&opts, redrive->keeper->past);
        set_origin(&opts, call, move);
        redis_command_str(out, move->id);
        redis_command_int(out, is_own ? 2 : 1);
        if (is_own)
            rc = put_form(redrive, move->letter, &opts, out, err);
        memberlist_remove(&opts, "jobId");
        if (rc == CT_E_OK)
            rc = put_form(redrive, move->letter, &opts, out, err);
    }
    memberlist_fini(&opts);
    return rc;
}

/* --- the call ------------------------------------------------------------------------------- */

static struct dead_move *move_at(struct ct_list *node)
{
    return CT_CONTAINER(node, struct dead_move, link);
}

static void put_head(const struct dialect *dialect, const struct dialect_queue *queue,
                     const struct dead_call *call, int64_t now_ms, struct redis_command *command)
{
    const struct inspect_state *state =
        call->has_place ? &dialect->inspector->states[call->state] : NULL;
    bool has_list = state && state->is_list;
    struct ct_buf base;

    queue_keys_begin(&queue->keys, dialect->dead_keeper->move, now_ms, DIALECT_OUTSIDER, command);
    ct_buf_init(&base);
    ct_buf_printf(&base, "%s:%s:", call->dead.prefix, call->dead.name);
    redis_command_str(command, ct_buf_str(&base));
    ct_buf_free(&base);
    redis_command_text(command, has_list ? state->key : "");
    redis_command_int(command, has_list ? call->offset : 0);
    redis_command_text(command, call->target ? "1" : "0");
}

void letter_build_move(const struct dialect *dialect, const struct dead_call *call, int64_t now_ms,
                       const struct ct_random *random, struct redis_command *command)
{
    struct queue_name name = {call->dead.prefix, call->target ? call->target : call->dead.name};
    struct dialect_queue *queue = NULL;
    struct queue_settings defaults;
    struct redis_command jobs;
    struct ct_error err = {CT_E_OK, ""};

    queue_settings_init(&defaults);
    redis_command_init(&jobs, NULL);
    enum ct_code rc = dialect->open(&name, &defaults, &queue, &err);
    if (rc == CT_E_OK && call->target && strcmp(call->target, call->dead.name) == 0)
        rc = ct_error_set(&err, CT_E_CONFLICT,
                          "its job would come back into the dead-letter queue itself");
    const struct redrive redrive = {dialect->dead_keeper, queue, now_ms, random};
    CT_LIST_FOREACH (node, call->moves) {
        struct dead_move *move = move_at(node);
        struct redis_command job;

        move->result = DEAD_REFUSED;
        move->err = err;
        if (rc != CT_E_OK)
            continue;
        redis_command_init(&job, NULL);
        if (!call->target)
            redis_command_str(&job, move->id);
        if (!call->target || put_job(&redrive, call, move, &job, &move->err) == CT_E_OK) {
            redis_command_append(&jobs, &job);
            move->err.code = CT_E_OK;
        }
        redis_command_fini(&job);
    }
    if (jobs.argc > 0) {
        put_head(dialect, queue, call, now_ms, command);
        redis_command_append(command, &jobs);
    }
    redis_command_fini(&jobs);
    if (queue)
        dialect->close(queue);
    queue_settings_fini(&defaults);
}

static void take_answer(struct dead_move *move, const struct redis_reply *answer)
{
    static const enum dead_result results[] = {DEAD_LATER, DEAD_HELD, DEAD_GONE};
    struct ct_str id = redis_reply_str(answer);
    struct ct_str problem = redis_reply_str(redis_reply_at(answer, 0));
    int64_t code = redis_reply_int(answer, 0);

    if (problem.data) {
        (void)redis_error_parse(problem, &move->err);
        return; /* REFUSED, as it was built */
    }
    if (id.data) { /* whatever it looks like */
        move->result = DEAD_MOVED;
        move->new_id = ct_strndup(id.data, id.len);
        return;
    }
    move->result = code >= -3 && code < 0 ? results[code + 3] : DEAD_MOVED;
}

enum ct_code letter_parse_move(const struct dead_call *call, const struct redis_reply *reply,
                               struct ct_error *err)
{
    size_t place = 0;
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    CT_LIST_FOREACH (node, call->moves) {
        struct dead_move *move = move_at(node);
        const struct redis_reply *answer;

        if (move->err.code != CT_E_OK)
            continue;
        answer = redis_reply_at(reply, place++);
        if (!answer)
            return ct_error_set(err, CT_E_INTERNAL, "dead_move.lua answered what it should not");
        take_answer(move, answer);
    }
    return CT_E_OK;
}
