/* SCAN and JOBS of an examination; see doctor.c. */
#include "dialect/shared/exam.h"

#include "common/json.h"
#include "dialect/shared/keys.h"
#include "queue/inspect.h"

#define JOBS_MAX  50    /* keys a call */
#define TEXT_MAX  65536 /* a longer text is not looked into */
#define BYTES_MAX 262144

/* --- SCAN ------------------------------------------------------------------------------------ */

void exam_build_scan(struct examination *exam, struct redis_command *command)
{
    struct ct_buf pattern;

    ct_buf_init(&pattern);
    for (const char *c = exam->base; *c; c++) {
        if (strchr("*?[]\\", *c))
            ct_buf_append_char(&pattern, '\\');
        ct_buf_append_char(&pattern, *c);
    }
    ct_buf_append_char(&pattern, '*');
    redis_command_text(command, "SCAN");
    redis_command_str(command, ct_buf_str(&exam->cursor));
    redis_command_text(command, "MATCH");
    redis_command_str(command, ct_buf_str(&pattern));
    redis_command_text(command, "COUNT");
    redis_command_int(command, INSPECT_SCAN_COUNT);
    ct_buf_free(&pattern);
}

static bool is_of_queue(const struct doctor *doctor, struct ct_str key)
{
    /* Of older versions, or of the other dialect. */
    static const char *const others[] = {
        "wait:added", "events", "marker", "prioritized", "pc", "waiting-children", "meta-paused"};

    for (const char *const *family = doctor->families; *family; family++) {
        if (ct_str_skip(&key, *family))
            return true;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (ct_str_is(key, others[i]))
            return true;
    }
    return key_table_has(doctor->keys, key);
}

static bool cut_end(struct ct_str *text, const char *end)
{
    size_t len = strlen(end);

    if (text->len <= len || memcmp(text->data + text->len - len, end, len) != 0)
        return false;
    text->len -= len;
    return true;
}

static bool has_child_part(const struct doctor *doctor, struct ct_str key)
{
    for (const char *const *part = doctor->child_parts; *part; part++) {
        struct ct_str id = key;

        if (cut_end(&id, *part))
            return true;
    }
    return false;
}

/* What a key is, by its name: the parts of a job carry its id. */
static void sort_key(struct examination *exam, struct ct_str key)
{
    const char *kind = "job";

    if (!ct_str_skip(&key, exam->base) || key.len == 0 || memchr(key.data, '\0', key.len))
        return;
    for (size_t i = 0; i < exam->foreign.count; i++) {
        struct ct_str rest = key;

        if (ct_str_skip(&rest, exam->foreign.items[i]))
            return;
    }
    if (is_of_queue(exam->doctor, key))
        return;
    if (cut_end(&key, ":lock"))
        kind = "lock";
    else if (cut_end(&key, ":logs"))
        kind = "logs";
    else if (ct_str_skip(&key, "de:"))
        kind = "de";
    else if (ct_str_skip(&key, "dn:"))
        kind = "dn";
    else if (has_child_part(exam->doctor, key))
        kind = "children";
    exam_add(&exam->keys, ct_str_of(kind));
    exam_add(&exam->keys, key);
}

enum ct_code exam_read_scan(struct examination *exam, const struct redis_reply *reply,
                            struct ct_error *err)
{
    struct ct_str next = redis_reply_str(redis_reply_at(reply, 0));
    const struct redis_reply *keys = redis_reply_at(reply, 1);

    if (!next.data)
        return ct_error_set(err, CT_E_REDIS_ERROR, "a scan without a cursor");
    for (size_t i = 0; i < redis_reply_count(keys); i++)
        sort_key(exam, redis_reply_str(redis_reply_at(keys, i)));
    exam->has_scanned = ct_str_is(next, "0");
    ct_buf_clear(&exam->cursor);
    ct_buf_append_str(&exam->cursor, next);
    exam->phase = JOBS;
    return CT_E_OK;
}

/* --- JOBS ------------------------------------------------------------------------------------ */

void exam_build_jobs(struct examination *exam, struct redis_command *command)
{
    size_t end = exam->keys.done + 2 * JOBS_MAX;

    command->script = exam->doctor->look_jobs;
    redis_command_int(command, 0);
    redis_command_text(command, exam->base);
    redis_command_int(command, TEXT_MAX);
    redis_command_int(command, BYTES_MAX);
    for (size_t i = exam->keys.done; i < end && i < exam->keys.count; i++)
        redis_command_text(command, exam->keys.items[i]);
}

static void check_json(const struct teller *teller, enum ill ill, struct ct_str id,
                       struct ct_str text, bool is_object)
{
    struct ct_error why = {.code = CT_E_OK};

    if (!text.data)
        return;
    if (ct_json_check(text, &why) != CT_E_OK)
        exam_tell(teller, ill, id, ct_str_of(why.detail));
    else if (is_object && !memchr(text.data, '{', text.len))
        exam_tell(teller, ill, id, CT_STR_LIT("no object"));
}

static void read_job(struct examination *exam, struct ct_str id, const struct redis_reply *row,
                     const struct teller *teller)
{
    struct ct_str kind = redis_reply_str(redis_reply_at(row, 0));
    int64_t flags = redis_reply_int(redis_reply_at(row, 1), 0);
    int64_t sets = flags & IN_SETS;
    int64_t added_ms = redis_reply_int(redis_reply_at(row, 2), 0);
    int64_t bytes =
        redis_reply_int(redis_reply_at(row, 3), 0) + redis_reply_int(redis_reply_at(row, 4), 0);

    if (ct_str_is(kind, "none"))
        return; /* gone since the scan */
    if (!ct_str_is(kind, "hash")) {
        exam_tell(teller, ILL_FOREIGN_TYPE, id, kind);
        return;
    }
    /* What was added meanwhile is not in the lists as they were. */
    if ((sets & (sets - 1)) ||
        (sets == 0 && !seen_has(&exam->seen, id) && added_ms < exam->started_ms))
        exam_suspect(exam, id);
    if (bytes >= DOCTOR_JOB_BYTES_MAX)
        exam_tell_number(teller, ILL_HUGE_JOB, id, bytes, "bytes");
    if (redis_reply_int(redis_reply_at(row, 7), 0) > (exam->is_of_today ? 0 : 1))
        exam_tell(teller, ILL_OLD_ATTEMPTS, id, CT_STR_NONE);
    check_json(teller, ILL_BAD_DATA, id, redis_reply_str(redis_reply_at(row, 5)), false);
    check_json(teller, ILL_BAD_OPTS, id, redis_reply_str(redis_reply_at(row, 6)), true);
}

static void read_part(const char *kind, struct ct_str id, const struct redis_reply *row,
                      const struct teller *teller)
{
    bool has_job = redis_reply_int(redis_reply_at(row, 0), 1) != 0;
    int64_t number = redis_reply_int(redis_reply_at(row, 1), 0); /* ms left, -2: gone; or lines */

    if (strcmp(kind, "lock") == 0) {
        if (!has_job && number != -2)
            exam_tell(teller, ILL_LOCK_LEFT, id, CT_STR_NONE);
        else if (number == -1)
            exam_tell(teller, ILL_LOCK_ENDLESS, id, CT_STR_NONE);
    } else if (strcmp(kind, "logs") == 0) {
        if (!has_job && number > 0)
            exam_tell_number(teller, ILL_LOGS_LEFT, id, number, "lines");
        else if (number >= DOCTOR_LOG_LINES_MAX)
            exam_tell_number(teller, ILL_HUGE_LOGS, id, number, "lines");
    } else if (strcmp(kind, "children") == 0) {
        if (!has_job)
            exam_tell(teller, ILL_CHILDREN_LEFT, id, CT_STR_NONE);
    } else if (strcmp(kind, "dn") == 0) {
        if (!has_job)
            exam_tell(teller, ILL_KEPT_LEFT, id, CT_STR_NONE);
    } else if (!has_job && number == -1) {
        exam_tell(teller, ILL_DEBOUNCE_LEFT, id, redis_reply_str(redis_reply_at(row, 2)));
    }
}

enum ct_code exam_read_jobs(struct examination *exam, const struct redis_reply *reply,
                            const struct teller *teller, struct ct_error *err)
{
    size_t count = redis_reply_count(reply);

    if (count == 0 || exam->keys.done + 2 * count > exam->keys.count)
        return ct_error_set(err, CT_E_REDIS_ERROR, "a look at keys gave no answer");
    for (size_t i = 0; i < count; i++) {
        const char *kind = exam->keys.items[exam->keys.done];
        struct ct_str id = ct_str_of(exam->keys.items[exam->keys.done + 1]);

        if (strcmp(kind, "job") == 0)
            read_job(exam, id, redis_reply_at(reply, i), teller);
        else
            read_part(kind, id, redis_reply_at(reply, i), teller);
        exam->keys.done += 2;
    }
    return CT_E_OK;
}
