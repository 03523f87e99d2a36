/* WHERE and LATER of an examination; see doctor.c. Everything that is told here was so in one
 * moment. */
#include "dialect/shared/exam.h"

#include <stdlib.h>

#include "common/md5.h"
#include "common/mem.h"

#define WHERE_MAX   20    /* ids a call where lists are short, */
#define WHERE_SHORT 10000 /* so many ids in all; else one */

/* --- WHERE ------------------------------------------------------------------------- */

static void begin_where(struct examination *exam, struct redis_command *command)
{
    command->script = exam->doctor->look_where;
    redis_command_int(command, 0);
    redis_command_text(command, exam->base);
}

void exam_build_where(struct examination *exam, struct redis_command *command)
{
    bool is_short = exam->listed <= WHERE_SHORT;
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
    exam_tell(teller, ill, id, ct_buf_str(&text));
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
        exam_tell(teller, ILL_NO_STATE, id, CT_STR_NONE);
    else if (is_job && !has_lock && is_in(row, "active")) {
        exam_add(&exam->doubts, id);
        exam_add(&exam->doubts, redis_reply_str(redis_reply_at(row, 3)));
    }
    if (has_priority && !is_in(row, "wait") && !is_in(row, "paused") && !is_in(row, "delayed") &&
        (!is_job || is_in(row, "completed") || is_in(row, "failed")))
        exam_tell(teller, ILL_PRIORITY_LEFT, id, CT_STR_NONE);
}

void exam_read_where(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller)
{
    for (size_t i = 0; i < exam->asked; i++)
        judge(exam, ct_str_of(exam->suspects.items[exam->suspects.done++]),
              redis_reply_at(reply, i), teller);
}

/* --- LATER ----------------------------------------------------------------------------------- */

/* Ids that the next job of a series may have: md5 of name and id part, and md5 of the member. Names
 * may hold the colon that parts them, so each way to read the member counts. */
size_t doctor_md5_ids(const char *member, const char *score, char *out[DOCTOR_READINGS_MAX])
{
    char inner[CT_MD5_HEX_LEN + 1], outer[CT_MD5_HEX_LEN + 1];
    size_t count = 0;

    ct_md5_hex(ct_str_of(member), inner);
    for (const char *name = strchr(member, ':'); name; name = strchr(name + 1, ':')) {
        for (const char *id = strchr(name + 1, ':'); id; id = strchr(id + 1, ':')) {
            char *text;

            if (count == DOCTOR_READINGS_MAX)
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

/* The pair that comes next: a series for the first time, an active job, a series once more. */
static struct texts *next_pair(struct examination *exam)
{
    if (exam->series.done < exam->series.count)
        return &exam->series;
    return exam->doubts.done < exam->doubts.count ? &exam->doubts : &exam->silent;
}

/* One active job; or a series, and the jobs that it may have next. */
void exam_build_later(struct examination *exam, struct redis_command *command)
{
    const struct texts *pairs = next_pair(exam);
    char *ids[DOCTOR_READINGS_MAX];
    size_t count = 0;

    begin_where(exam, command);
    redis_command_text(command, pairs->items[pairs->done]);
    if (pairs != &exam->doubts)
        count = exam->doctor->ids_of_series(pairs->items[pairs->done],
                                            pairs->items[pairs->done + 1], ids);
    for (size_t i = 0; i < count; i++) {
        redis_command_text(command, ids[i]);
        free(ids[i]);
    }
}

static bool is_without_lock(const struct redis_reply *row, struct ct_str mark)
{
    bool has_lock = redis_reply_int(redis_reply_at(row, 1), 0) != 0;

    return !has_lock && is_in(row, "active") &&
           ct_str_equal(mark, redis_reply_str(redis_reply_at(row, 3)));
}

static bool is_silent(const struct redis_reply *reply, struct ct_str score)
{
    struct ct_str is = redis_reply_str(redis_reply_at(redis_reply_at(reply, 0), 3));

    if (!ct_str_equal(is, score))
        return false; /* it has gone on, or was removed */
    for (size_t i = 1; i < redis_reply_count(reply); i++) {
        if (redis_reply_count(redis_reply_at(reply, i)) > 4)
            return false;
    }
    return true;
}

void exam_read_later(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller)
{
    struct texts *pairs = next_pair(exam);
    struct ct_str id = ct_str_of(pairs->items[pairs->done]);
    struct ct_str mark = ct_str_of(pairs->items[pairs->done + 1]);

    pairs->done += 2;
    if (pairs == &exam->doubts) {
        if (is_without_lock(redis_reply_at(reply, 0), mark))
            exam_tell(teller, ILL_NO_LOCK, id, CT_STR_NONE);
    } else if (is_silent(reply, mark) && pairs == &exam->silent) {
        exam_tell(teller, ILL_SERIES_DEAD, id, CT_STR_NONE);
    } else if (is_silent(reply, mark)) {
        exam_add(&exam->silent, id);
        exam_add(&exam->silent, mark);
    }
}
