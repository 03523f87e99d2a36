/* QUEUE and PLACES of an examination; see doctor.c. */
#include <stdlib.h>

#include "common/mem.h"
#include "dialect/shared/exam.h"

#define PAGE_MAX   100    /* ids a call */
#define WHERE_LONG 100000 /* not all of a longer list is searched: doctor_look_where.lua */

/* --- homes ----------------------------------------------------------------------------------- */

/* Without the queue's name; NULL: a queue of this dialect has none. */
static const char *home_key(const struct examination *exam, uint32_t home)
{
    if (home < exam->inspector->state_count)
        return exam->inspector->states[home].key;
    if (home == HOME_SERIES)
        return "repeat";
    return home == HOME_RANKS ? exam->doctor->ranks : NULL;
}

static bool is_list(const struct examination *exam, uint32_t home)
{
    return home < exam->inspector->state_count && exam->inspector->states[home].is_list;
}

static bool is_home(const struct examination *exam, uint32_t home, const char *key)
{
    const char *own = home_key(exam, home);

    return own && strcmp(own, key) == 0;
}

static uint32_t find_home(const struct examination *exam, struct ct_str key)
{
    uint32_t home = 0;

    while (home < HOME_COUNT && !(home_key(exam, home) && ct_str_is(key, home_key(exam, home))))
        home++;
    return home;
}

/* --- QUEUE ----------------------------------------------------------------------------------- */

void exam_build_queue(const struct examination *exam, struct redis_command *command)
{
    char *key = ct_asprintf("%sid", exam->base);

    command->script = exam->doctor->look_queue;
    redis_command_int(command, 1);
    redis_command_text(command, key);
    redis_command_text(command, exam->base);
    free(key);
}

static void read_key(struct examination *exam, const struct redis_reply *row,
                     const struct teller *teller)
{
    struct ct_str key = redis_reply_str(redis_reply_at(row, 0));
    struct ct_str expected = redis_reply_str(redis_reply_at(row, 1));
    struct ct_str is = redis_reply_str(redis_reply_at(row, 2));
    int64_t size = redis_reply_int(redis_reply_at(row, 3), 0);
    uint32_t home = find_home(exam, key);

    if (!ct_str_equal(is, expected) && !ct_str_is(is, "none"))
        exam_tell(teller, ILL_FOREIGN_TYPE, key, is);
    if (home == HOME_COUNT)
        return;
    exam->sizes[home] = size;
    if (is_list(exam, home))
        exam->listed += size;
    else if (home < exam->inspector->state_count && size >= DOCTOR_SET_SIZE_MAX)
        exam_tell_number(teller, ILL_HUGE_SET, key, size, "jobs");
}

void exam_read_queue(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller)
{
    bool is_paused = redis_reply_int(redis_reply_at(reply, 0), 0) != 0;
    struct ct_str strange = redis_reply_str(redis_reply_at(reply, 1));
    struct ct_str idle = redis_reply_str(redis_reply_at(reply, 2));

    exam->is_of_today = redis_reply_int(redis_reply_at(reply, 3), 0) != 0;
    if (strange.len > 0) {
        exam_tell(teller, ILL_MIXED, strange, CT_STR_NONE);
        exam->phase = DONE; /* nothing else holds there */
        return;
    }
    for (size_t i = 4; i < redis_reply_count(reply); i++)
        read_key(exam, redis_reply_at(reply, i), teller);
    uint32_t unused = find_home(exam, idle);
    if (unused < HOME_COUNT && exam->sizes[unused] > 0)
        exam_tell_number(teller, ILL_TWO_LISTS, idle, exam->sizes[unused],
                         is_paused ? "jobs, and the queue is paused"
                                   : "jobs, and it is not paused");
    seen_init(&exam->seen, exam->listed);
    exam->phase = PLACES;
}

/* --- PLACES ---------------------------------------------------------------------------------- */

/* A page is one moment: where a list is too long to find the id again, it is the proof. */
static void read_listed(struct examination *exam, struct ct_str id, int64_t flags,
                        const struct teller *teller)
{
    bool is_long = exam->sizes[exam->home] > WHERE_LONG;
    bool is_elsewhere = flags & IN_SETS;
    bool was_seen = seen_add(&exam->seen, id);
    struct ct_str key = ct_str_of(home_key(exam, exam->home));

    if (is_long && !was_seen && !(flags & IS_JOB))
        exam_tell(teller, ILL_NO_JOB, id, key);
    else if (is_long && !was_seen && is_elsewhere)
        exam_tell(teller, ILL_TWO_STATES, id, key);
    else if (was_seen || !(flags & IS_JOB) || is_elsewhere)
        exam_suspect(exam, id);
    else if (is_home(exam, exam->home, "active") && !(flags & HAS_LOCK))
        exam_suspect(exam, id);
}

/* "name:id:end:tz:rule", as Bull and BullMQ before 5.10 name a series: the end is empty or a
 * number, the rule a cron expression or an interval. */
static bool is_old_series(struct ct_str member)
{
    const char *rule = memrchr(member.data, ':', member.len), *end = member.data + member.len;
    size_t colons = 0;
    bool is_cron = false, is_number = true;

    for (size_t i = 0; i < member.len; i++)
        colons += member.data[i] == ':';
    for (const char *c = rule ? rule + 1 : end; c < end; c++) {
        is_cron = is_cron || *c == ' ';
        is_number = is_number && *c >= '0' && *c <= '9';
    }
    return colons >= 4 && (is_cron || is_number);
}

static void read_series(struct examination *exam, struct ct_str id, int64_t flags,
                        struct ct_str score, const struct teller *teller)
{
    double at;

    if (exam->doctor->rules && is_old_series(id))
        exam_tell(teller, ILL_SERIES_OLD, id, CT_STR_NONE);
    else if (exam->doctor->rules && !(flags & IS_JOB))
        exam_tell(teller, ILL_SERIES_BARE, id, CT_STR_NONE);
    /* One whose time has come may have ended: nobody can tell that from its entry. */
    if (ct_str_to_double(score, &at) && at > (double)exam->started_ms + 2 * EXAM_REST_MS) {
        exam_add(&exam->series, id);
        exam_add(&exam->series, score);
    }
}

static void read_member(struct examination *exam, struct ct_str id, int64_t flags,
                        struct ct_str score, const struct teller *teller)
{
    int64_t sets = flags & IN_SETS;

    if (exam->home == HOME_SERIES) {
        read_series(exam, id, flags, score, teller);
    } else if (exam->home == HOME_RANKS) {
        if (!(flags & IS_JOB) || (sets & (IN_COMPLETED | IN_FAILED)))
            exam_suspect(exam, id);
    } else if (!(flags & IS_JOB) || (sets & (sets - 1))) {
        exam_suspect(exam, id);
    } else if (exam->doctor->look_parents && is_home(exam, exam->home, "waiting-children") &&
               !memchr(id.data, '\0', id.len)) {
        exam_add(&exam->parents, id);
    }
}

/* An entry that older clients wake each other with. */
static bool is_marker(const struct examination *exam, struct ct_str id)
{
    return exam->inspector->has_markers && ct_str_skip(&id, "0:");
}

static void next_home(struct examination *exam)
{
    exam->offset = 0;
    do
        exam->home++;
    while (exam->home < HOME_COUNT && !home_key(exam, exam->home));
}

void exam_read_page(struct examination *exam, const struct redis_reply *reply,
                    const struct teller *teller)
{
    size_t count = redis_reply_count(reply) / 3; /* the first is the total */
    int64_t total = redis_reply_int(redis_reply_at(reply, 0), 0);

    for (size_t i = 0; i < count; i++) {
        struct ct_str id = redis_reply_str(redis_reply_at(reply, 1 + 3 * i));
        int64_t flags = redis_reply_int(redis_reply_at(reply, 2 + 3 * i), 0);
        struct ct_str score = redis_reply_str(redis_reply_at(reply, 3 + 3 * i));

        if (!is_list(exam, exam->home))
            read_member(exam, id, flags, score, teller);
        else if (!is_marker(exam, id))
            read_listed(exam, id, flags, teller);
        else if (exam->is_of_today)
            exam_tell(teller, ILL_OLD_MARKER, id, ct_str_of(home_key(exam, exam->home)));
    }
    exam->offset += (int64_t)count;
    if (count == 0 || exam->offset >= total)
        next_home(exam);
    exam->phase = exam->parents.count > 0 ? PARENTS : exam->home == HOME_COUNT ? SCAN : PLACES;
}

void exam_build_page(struct examination *exam, struct redis_command *command)
{
    char *key = ct_asprintf("%s%s", exam->base, home_key(exam, exam->home));
    const char *infix = exam->home == HOME_SERIES ? exam->doctor->rules : NULL;

    command->script = exam->doctor->look_page;
    redis_command_int(command, 1);
    redis_command_text(command, key);
    redis_command_text(command, exam->base);
    redis_command_text(command, is_list(exam, exam->home) ? "list" : "zset");
    redis_command_int(command, exam->offset);
    redis_command_int(command, PAGE_MAX);
    redis_command_text(command, infix ? infix : "");
    free(key);
}
