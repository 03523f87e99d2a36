/* The examination of one queue: a walk over its lists and sets, then over all its keys. Reads only.
 *
 *   QUEUE   its own keys: types, sizes, which list is in use
 *   LISTS   each id in active, wait, paused: has it a job, is it elsewhere, too
 *   SETS    each id in completed, failed, delayed, priority; members of repeat
 *   SCAN    its keys, a part at a time, and JOBS: what each of them is
 *   WHERE   what looked broken on the way, again, each in one moment
 *   LATER   what may be so for a moment in a healthy queue, REST_MS after it was seen
 *
 * A queue at work moves its jobs between two steps. So LISTS to JOBS only raise suspicions about
 * places, and WHERE decides. Lists are walked from the head: what is pushed there meanwhile moves
 * ids behind the walk, so that none is overlooked. */
#include "dialect/bull/doctor.h"

#include <stdlib.h>

#include "bull_lua.h"
#include "common/json.h"
#include "common/md5.h"
#include "common/mem.h"
#include "dialect/bull/keys.h"
#include "dialect/bull/seen.h"
#include "queue/inspect.h"

#define PAGE_MAX     250   /* ids a call */
#define JOBS_MAX     100   /* keys a call */
#define TEXT_MAX     65536 /* a longer text is not looked into */
#define BYTES_MAX    262144
#define SUSPECTS_MAX 100000
#define WHERE_MAX    20    /* ids a call where lists are short, */
#define WHERE_SHORT  10000 /* so many ids in all; else one */
#define REST_MS      2000

enum phase { QUEUE, LISTS, SETS, SCAN, JOBS, WHERE, LATER, DONE };

static const struct {
    const char *key;
    bool is_list;
} homes[] = {{"active", true},  {"wait", true},     {"paused", true},    {"completed", false},
             {"failed", false}, {"delayed", false}, {"priority", false}, {"repeat", false}};
enum { ACTIVE, WAIT, PAUSED, COMPLETED, FAILED, DELAYED, PRIORITY, REPEAT, HOME_COUNT };
enum { IS_JOB = 1, IN_COMPLETED = 2, IN_FAILED = 4, IN_DELAYED = 8, HAS_LOCK = 16 };

/* Texts, one after another. */
struct texts {
    char **items; /* owned, as are the texts */
    size_t count, cap, done;
};

struct examination {
    char *base;           /* owned; what the queue's keys begin with */
    struct texts foreign; /* what the keys of other queues begin with, without base */
    int64_t started_ms, doubted_ms;
    enum phase phase;
    int64_t sizes[HOME_COUNT];
    int home;       /* of LISTS and SETS */
    int64_t offset; /* in it */
    struct seen seen;
    struct ct_buf cursor; /* of SCAN */
    bool has_scanned;
    struct texts keys; /* of JOBS: pairs of kind and id */
    struct texts suspects;
    size_t asked;        /* of keys or suspects, in the call under way */
    struct texts doubts; /* pairs: id, mark */
    struct texts series; /* pairs: member, score */
};

/* --- texts ---------------------------------------------------------------------------------- */

static void texts_add(struct texts *texts, struct ct_str text)
{
    if (texts->count == texts->cap) {
        texts->cap = texts->cap ? 2 * texts->cap : 64;
        texts->items = ct_realloc(texts->items, texts->cap * sizeof *texts->items);
    }
    texts->items[texts->count++] = ct_strndup(text.data ? text.data : "", text.len);
}

static void texts_clear(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){0};
}

static void suspect(struct examination *exam, struct ct_str id)
{
    /* An id with a NUL is beyond what texts hold; beyond the bound the next examination goes on. */
    if (exam->suspects.count < SUSPECTS_MAX && !memchr(id.data, '\0', id.len))
        texts_add(&exam->suspects, id);
}

/* --- what is found --------------------------------------------------------------------------- */

struct teller {
    finding_fn on_finding;
    void *ctx;
};

static void tell(const struct teller *teller, enum ill ill, struct ct_str id, struct ct_str detail)
{
    teller->on_finding(teller->ctx, &bull_illnesses[ill], id, detail);
}

static void tell_number(const struct teller *teller, enum ill ill, struct ct_str id, int64_t number,
                        const char *unit)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%lld %s", (long long)number, unit);
    tell(teller, ill, id, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* --- QUEUE ----------------------------------------------------------------------------------- */

static void build_queue(const struct examination *exam, struct redis_command *command)
{
    char *key = ct_asprintf("%sid", exam->base);

    command->script = &bull_doctor_look_queue_script;
    redis_command_int(command, 1);
    redis_command_text(command, key);
    redis_command_text(command, exam->base);
    free(key);
}

static int find_home(struct ct_str key)
{
    for (int i = 0; i < HOME_COUNT; i++) {
        if (ct_str_is(key, homes[i].key))
            return i;
    }
    return -1;
}

static void read_key(struct examination *exam, const struct redis_reply *row,
                     const struct teller *teller)
{
    struct ct_str key = redis_reply_str(redis_reply_at(row, 0));
    struct ct_str expected = redis_reply_str(redis_reply_at(row, 1));
    struct ct_str is = redis_reply_str(redis_reply_at(row, 2));
    int64_t size = redis_reply_int(redis_reply_at(row, 3), 0);
    int home = find_home(key);

    if (!ct_str_equal(is, expected) && !ct_str_is(is, "none"))
        tell(teller, ILL_FOREIGN_TYPE, key, is);
    if (home < 0)
        return;
    exam->sizes[home] = size;
    if (home >= COMPLETED && home <= DELAYED && size >= DOCTOR_SET_SIZE_MAX)
        tell_number(teller, ILL_HUGE_SET, key, size, "jobs");
}

static bool is_used(const struct redis_reply *row, const char *key)
{
    return ct_str_is(redis_reply_str(redis_reply_at(row, 0)), key) &&
           redis_reply_int(redis_reply_at(row, 3), 0) > 0;
}

static void read_queue(struct examination *exam, const struct redis_reply *reply,
                       const struct teller *teller)
{
    bool is_paused = redis_reply_int(redis_reply_at(reply, 0), 0) != 0;
    struct ct_str bullmq = redis_reply_str(redis_reply_at(reply, 1));
    int unused = is_paused ? WAIT : PAUSED;

    exam->phase = LISTS;
    if (bullmq.len > 0) {
        bool is_bull = is_paused;

        for (size_t i = 2; i < redis_reply_count(reply); i++)
            is_bull = is_bull || is_used(redis_reply_at(reply, i), "priority");
        if (is_bull)
            tell(teller, ILL_MIXED, bullmq, CT_STR_NONE);
        exam->phase = DONE; /* nothing else holds there */
        return;
    }
    for (size_t i = 2; i < redis_reply_count(reply); i++)
        read_key(exam, redis_reply_at(reply, i), teller);
    if (exam->sizes[unused] > 0)
        tell_number(teller, ILL_TWO_LISTS, ct_str_of(homes[unused].key), exam->sizes[unused],
                    is_paused ? "jobs, and the queue is paused" : "jobs, and it is not paused");
    seen_init(&exam->seen, exam->sizes[ACTIVE] + exam->sizes[WAIT] + exam->sizes[PAUSED]);
}

/* --- LISTS and SETS -------------------------------------------------------------------------- */

static void read_listed(struct examination *exam, struct ct_str id, int64_t flags)
{
    bool is_elsewhere = flags & (IN_COMPLETED | IN_FAILED | IN_DELAYED);

    if (seen_add(&exam->seen, id) || !(flags & IS_JOB) || is_elsewhere)
        suspect(exam, id);
    else if (exam->home == ACTIVE && !(flags & HAS_LOCK))
        suspect(exam, id);
}

static void read_member(struct examination *exam, struct ct_str id, int64_t flags,
                        struct ct_str score)
{
    int64_t sets = flags & (IN_COMPLETED | IN_FAILED | IN_DELAYED);
    double at;

    if (exam->home == REPEAT) {
        /* One whose time has come may have ended: nobody can tell that from its entry. */
        if (ct_str_to_double(score, &at) && at > (double)exam->started_ms + 2 * REST_MS) {
            texts_add(&exam->series, id);
            texts_add(&exam->series, score);
        }
    } else if (exam->home == PRIORITY) {
        if (!(flags & IS_JOB) || (sets & (IN_COMPLETED | IN_FAILED)))
            suspect(exam, id);
    } else if (!(flags & IS_JOB) || (sets & (sets - 1))) {
        suspect(exam, id);
    }
}

static void read_page(struct examination *exam, const struct redis_reply *reply)
{
    size_t count = redis_reply_count(reply) / 3; /* the first is the total */
    int64_t total = redis_reply_int(redis_reply_at(reply, 0), 0);

    for (size_t i = 0; i < count; i++) {
        struct ct_str id = redis_reply_str(redis_reply_at(reply, 1 + 3 * i));
        int64_t flags = redis_reply_int(redis_reply_at(reply, 2 + 3 * i), 0);
        struct ct_str score = redis_reply_str(redis_reply_at(reply, 3 + 3 * i));

        if (homes[exam->home].is_list)
            read_listed(exam, id, flags);
        else
            read_member(exam, id, flags, score);
    }
    exam->offset += (int64_t)count;
    if (count == 0 || exam->offset >= total) {
        exam->home++;
        exam->offset = 0;
    }
    if (exam->home == HOME_COUNT)
        exam->phase = SCAN;
}

static void build_page(struct examination *exam, struct redis_command *command)
{
    char *key = ct_asprintf("%s%s", exam->base, homes[exam->home].key);

    command->script = &bull_doctor_look_page_script;
    redis_command_int(command, 1);
    redis_command_text(command, key);
    redis_command_text(command, exam->base);
    redis_command_text(command, homes[exam->home].is_list ? "list" : "zset");
    redis_command_int(command, exam->offset);
    redis_command_int(command, PAGE_MAX);
    free(key);
}

/* --- SCAN ------------------------------------------------------------------------------------ */

static void build_scan(struct examination *exam, struct redis_command *command)
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

static bool is_of_queue(struct ct_str key)
{
    static const char *const families[] = {"limiter:", "metrics:"};

    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (ct_str_skip(&key, families[i]))
            return true;
    }
    return bull_keys_is_reserved(key) || ct_str_is(key, "wait:added") || ct_str_is(key, "events") ||
           ct_str_is(key, "marker") || ct_str_is(key, "prioritized") || ct_str_is(key, "pc");
}

static bool cut_end(struct ct_str *text, const char *end)
{
    size_t len = strlen(end);

    if (text->len <= len || memcmp(text->data + text->len - len, end, len) != 0)
        return false;
    text->len -= len;
    return true;
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
    if (is_of_queue(key))
        return;
    if (cut_end(&key, ":lock"))
        kind = "lock";
    else if (cut_end(&key, ":logs"))
        kind = "logs";
    else if (ct_str_skip(&key, "de:"))
        kind = "de";
    texts_add(&exam->keys, ct_str_of(kind));
    texts_add(&exam->keys, key);
}

static enum ct_code read_scan(struct examination *exam, const struct redis_reply *reply,
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

static void build_jobs(struct examination *exam, struct redis_command *command)
{
    size_t end = exam->keys.done + 2 * JOBS_MAX;

    command->script = &bull_doctor_look_jobs_script;
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
        tell(teller, ill, id, ct_str_of(why.detail));
    else if (is_object && !memchr(text.data, '{', text.len))
        tell(teller, ill, id, CT_STR_LIT("no object"));
}

static void read_job(struct examination *exam, struct ct_str id, const struct redis_reply *row,
                     const struct teller *teller)
{
    struct ct_str kind = redis_reply_str(redis_reply_at(row, 0));
    int64_t flags = redis_reply_int(redis_reply_at(row, 1), 0);
    int64_t sets = flags & (IN_COMPLETED | IN_FAILED | IN_DELAYED);
    int64_t added_ms = redis_reply_int(redis_reply_at(row, 2), 0);
    int64_t bytes =
        redis_reply_int(redis_reply_at(row, 3), 0) + redis_reply_int(redis_reply_at(row, 4), 0);

    if (ct_str_is(kind, "none"))
        return; /* gone since the scan */
    if (!ct_str_is(kind, "hash")) {
        tell(teller, ILL_FOREIGN_TYPE, id, kind);
        return;
    }
    /* What was added meanwhile is not in the lists as they were. */
    if ((sets & (sets - 1)) ||
        (sets == 0 && !seen_has(&exam->seen, id) && added_ms < exam->started_ms))
        suspect(exam, id);
    if (bytes >= DOCTOR_JOB_BYTES_MAX)
        tell_number(teller, ILL_HUGE_JOB, id, bytes, "bytes");
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
            tell(teller, ILL_LOCK_LEFT, id, CT_STR_NONE);
        else if (number == -1)
            tell(teller, ILL_LOCK_ENDLESS, id, CT_STR_NONE);
    } else if (strcmp(kind, "logs") == 0) {
        if (!has_job && number > 0)
            tell_number(teller, ILL_LOGS_LEFT, id, number, "lines");
        else if (number >= DOCTOR_LOG_LINES_MAX)
            tell_number(teller, ILL_HUGE_LOGS, id, number, "lines");
    } else if (!has_job && number == -1) {
        tell(teller, ILL_DEBOUNCE_LEFT, id, redis_reply_str(redis_reply_at(row, 2)));
    }
}

static enum ct_code read_jobs(struct examination *exam, const struct redis_reply *reply,
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

/* --- WHERE and LATER ------------------------------------------------------------------------- */

static void begin_where(struct examination *exam, struct redis_command *command)
{
    command->script = &bull_doctor_look_where_script;
    redis_command_int(command, 0);
    redis_command_text(command, exam->base);
}

static void build_where(struct examination *exam, struct redis_command *command)
{
    bool is_short = exam->sizes[ACTIVE] + exam->sizes[WAIT] + exam->sizes[PAUSED] <= WHERE_SHORT;
    size_t max = is_short ? WHERE_MAX : 1;

    begin_where(exam, command);
    for (exam->asked = 0; exam->asked < max; exam->asked++) {
        size_t at = exam->suspects.done + exam->asked;

        if (at == exam->suspects.count)
            break;
        redis_command_text(command, exam->suspects.items[at]);
    }
}

static struct ct_str place_at(const struct redis_reply *row, size_t index)
{
    return redis_reply_str(redis_reply_at(row, 4 + index));
}

static bool is_in(const struct redis_reply *row, const char *place)
{
    for (size_t i = 4; i < redis_reply_count(row); i++) {
        if (ct_str_is(redis_reply_str(redis_reply_at(row, i)), place))
            return true;
    }
    return false;
}

static void tell_places(const struct teller *teller, enum ill ill, struct ct_str id,
                        const struct redis_reply *row)
{
    struct ct_buf text;

    ct_buf_init(&text);
    for (size_t i = 4; i < redis_reply_count(row); i++) {
        if (i > 4)
            ct_buf_append(&text, ", ", 2);
        ct_buf_append_str(&text, place_at(row, i - 4));
    }
    tell(teller, ill, id, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* The verdict on one id, of which all is known for one moment. */
static void judge(struct examination *exam, struct ct_str id, const struct redis_reply *row,
                  const struct teller *teller)
{
    struct ct_str kind = redis_reply_str(redis_reply_at(row, 0));
    bool is_job = ct_str_is(kind, "hash");
    bool has_lock = redis_reply_int(redis_reply_at(row, 1), 0) != 0;
    bool has_priority = redis_reply_int(redis_reply_at(row, 2), 0) != 0;
    size_t places = redis_reply_count(row) > 4 ? redis_reply_count(row) - 4 : 0;

    if (ct_str_is(kind, "none") && places > 0)
        tell_places(teller, ILL_NO_JOB, id, row);
    else if (is_job && places > 1)
        tell_places(teller, ILL_TWO_STATES, id, row);
    /* Behind the ends of a long list that were searched: only with a priority it may be there. */
    else if (is_job && places == 0 && !has_lock && !has_priority && !seen_has(&exam->seen, id))
        tell(teller, ILL_NO_STATE, id, CT_STR_NONE);
    else if (is_job && !has_lock && is_in(row, "active")) {
        texts_add(&exam->doubts, id);
        texts_add(&exam->doubts, redis_reply_str(redis_reply_at(row, 3)));
    }
    if (has_priority && !is_in(row, "wait") && !is_in(row, "paused") && !is_in(row, "delayed") &&
        (!is_job || is_in(row, "completed") || is_in(row, "failed")))
        tell(teller, ILL_PRIORITY_LEFT, id, CT_STR_NONE);
}

/* --- LATER ----------------------------------------------------------------------------------- */

/* Ids that the next job of a series may have: md5 of name and id part, and md5 of the member. Names
 * may hold the colon that parts them, so each way to read the member counts. */
#define READINGS_MAX 16

static size_t ids_of_series(const char *member, const char *score, char *out[READINGS_MAX])
{
    char inner[CT_MD5_HEX_LEN + 1], outer[CT_MD5_HEX_LEN + 1];
    size_t count = 0;

    ct_md5_hex(ct_str_of(member), inner);
    for (const char *name = strchr(member, ':'); name; name = strchr(name + 1, ':')) {
        for (const char *id = strchr(name + 1, ':'); id; id = strchr(id + 1, ':')) {
            char *text;

            if (count == READINGS_MAX)
                return count;
            text = ct_asprintf("%.*s%.*s:%s", (int)(name - member), member, (int)(id - name - 1),
                               name + 1, inner);
            ct_md5_hex(ct_str_of(text), outer);
            free(text);
            out[count++] = ct_asprintf("repeat:%s:%s", outer, score);
        }
    }
    return count;
}

/* One active job; or a series, and the jobs that it may have next. */
static void build_later(struct examination *exam, struct redis_command *command)
{
    char *ids[READINGS_MAX];
    size_t count;

    begin_where(exam, command);
    if (exam->doubts.done < exam->doubts.count) {
        redis_command_text(command, exam->doubts.items[exam->doubts.done]);
        return;
    }
    redis_command_text(command, exam->series.items[exam->series.done]);
    count = ids_of_series(exam->series.items[exam->series.done],
                          exam->series.items[exam->series.done + 1], ids);
    for (size_t i = 0; i < count; i++) {
        redis_command_text(command, ids[i]);
        free(ids[i]);
    }
}

static void read_doubt(struct examination *exam, const struct redis_reply *row,
                       const struct teller *teller)
{
    struct ct_str mark = ct_str_of(exam->doubts.items[exam->doubts.done + 1]);
    bool has_lock = redis_reply_int(redis_reply_at(row, 1), 0) != 0;

    if (!has_lock && is_in(row, "active") &&
        ct_str_equal(mark, redis_reply_str(redis_reply_at(row, 3))))
        tell(teller, ILL_NO_LOCK, ct_str_of(exam->doubts.items[exam->doubts.done]), CT_STR_NONE);
    exam->doubts.done += 2;
}

static void read_series(struct examination *exam, const struct redis_reply *reply,
                        const struct teller *teller)
{
    struct ct_str score = redis_reply_str(redis_reply_at(redis_reply_at(reply, 0), 3));
    bool is_alive = !ct_str_is(score, exam->series.items[exam->series.done + 1]);

    for (size_t i = 1; i < redis_reply_count(reply); i++)
        is_alive = is_alive || redis_reply_count(redis_reply_at(reply, i)) > 4;
    if (!is_alive)
        tell(teller, ILL_SERIES_DEAD, ct_str_of(exam->series.items[exam->series.done]),
             CT_STR_NONE);
    exam->series.done += 2;
}

/* --- the whole ------------------------------------------------------------------------------- */

static struct examination *bull_exam_open(const struct queue_name *name, const char *const *others,
                                          size_t other_count, int64_t now_ms)
{
    struct examination *exam = ct_zalloc(sizeof *exam);

    exam->base = ct_asprintf("%s:%s:", name->prefix, name->name);
    exam->started_ms = now_ms;
    ct_buf_append_char(&exam->cursor, '0');
    for (size_t i = 0; i < other_count; i++) {
        struct ct_str other = ct_str_of(others[i]);

        if (ct_str_skip(&other, name->name) && ct_str_skip(&other, ":")) {
            char *head = ct_asprintf("%.*s:", (int)other.len, other.data);
            texts_add(&exam->foreign, ct_str_of(head));
            free(head);
        }
    }
    return exam;
}

static void bull_exam_close(struct examination *exam)
{
    texts_clear(&exam->foreign);
    texts_clear(&exam->keys);
    texts_clear(&exam->suspects);
    texts_clear(&exam->doubts);
    texts_clear(&exam->series);
    seen_fini(&exam->seen);
    ct_buf_free(&exam->cursor);
    free(exam->base);
    free(exam);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Most come up several times: where they are listed, and where they are stored. */
static void sort_suspects(struct texts *suspects)
{
    size_t kept = 0;

    if (suspects->count == 0)
        return;
    qsort(suspects->items, suspects->count, sizeof *suspects->items, compare_texts);
    for (size_t i = 1; i < suspects->count; i++) {
        if (strcmp(suspects->items[kept], suspects->items[i]) == 0)
            free(suspects->items[i]);
        else
            suspects->items[++kept] = suspects->items[i];
    }
    suspects->count = kept + 1;
}

/* Phases without anything to ask are left behind. */
static void move_on(struct examination *exam, int64_t now_ms)
{
    if (exam->phase == JOBS && exam->keys.done == exam->keys.count) {
        texts_clear(&exam->keys);
        exam->phase = exam->has_scanned ? WHERE : SCAN;
        if (exam->has_scanned)
            sort_suspects(&exam->suspects);
    }
    /* A series whose next job may have run meanwhile is none to tell anything of. */
    while (exam->phase >= WHERE && exam->series.done < exam->series.count &&
           strtod(exam->series.items[exam->series.done + 1], NULL) < (double)(now_ms + 2 * REST_MS))
        exam->series.done += 2;
    if (exam->phase == WHERE && exam->suspects.done == exam->suspects.count)
        exam->phase = LATER;
    if (exam->phase == LATER && exam->doubts.done == exam->doubts.count &&
        exam->series.done == exam->series.count)
        exam->phase = DONE;
}

static bool bull_exam_build(struct examination *exam, int64_t now_ms, int64_t *rest_ms,
                            struct redis_command *command)
{
    *rest_ms = 0;
    move_on(exam, now_ms);
    switch (exam->phase) {
    case QUEUE:
        build_queue(exam, command);
        return true;
    case LISTS:
    case SETS:
        build_page(exam, command);
        return true;
    case SCAN:
        build_scan(exam, command);
        return true;
    case JOBS:
        build_jobs(exam, command);
        return true;
    case WHERE:
        build_where(exam, command);
        return true;
    case LATER:
        if (exam->doubted_ms == 0) {
            exam->doubted_ms = now_ms;
            *rest_ms = REST_MS;
        }
        build_later(exam, command);
        return true;
    case DONE:
        break;
    }
    return false;
}

static enum ct_code bull_exam_parse(struct examination *exam, const struct redis_reply *reply,
                                    finding_fn on_finding, void *ctx, struct ct_error *err)
{
    const struct teller teller = {on_finding, ctx};
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    switch (exam->phase) {
    case QUEUE:
        read_queue(exam, reply, &teller);
        break;
    case LISTS:
    case SETS:
        read_page(exam, reply);
        break;
    case SCAN:
        return read_scan(exam, reply, err);
    case JOBS:
        return read_jobs(exam, reply, &teller, err);
    case WHERE:
        for (size_t i = 0; i < exam->asked; i++)
            judge(exam, ct_str_of(exam->suspects.items[exam->suspects.done++]),
                  redis_reply_at(reply, i), &teller);
        break;
    case LATER:
        if (exam->doubts.done < exam->doubts.count)
            read_doubt(exam, redis_reply_at(reply, 0), &teller);
        else
            read_series(exam, reply, &teller);
        break;
    case DONE:
        break;
    }
    return CT_E_OK;
}

const struct doctor bull_doctor = {
    .illnesses = bull_illnesses,
    .illness_count = ILL_COUNT,
    .open = bull_exam_open,
    .close = bull_exam_close,
    .build = bull_exam_build,
    .parse = bull_exam_parse,
    .build_repair = bull_build_repair,
    .parse_repair = bull_parse_repair,
};
