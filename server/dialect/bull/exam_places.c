/* QUEUE and PLACES of an examination; see doctor.c. */
#include "dialect/bull/exam.h"

#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"

#define PAGE_MAX   100    /* ids a call */
#define WHERE_LONG 100000 /* not all of a longer list is searched: doctor_look_where.lua */

static const struct {
    const char *key;
    bool is_list;
} homes[] = {{"active", true},  {"wait", true},     {"paused", true},    {"completed", false},
             {"failed", false}, {"delayed", false}, {"priority", false}, {"repeat", false}};

/* --- QUEUE ----------------------------------------------------------------------------------- */

void exam_build_queue(const struct examination *exam, struct redis_command *command)
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
        exam_tell(teller, ILL_FOREIGN_TYPE, key, is);
    if (home < 0)
        return;
    exam->sizes[home] = size;
    if (home >= COMPLETED && home <= DELAYED && size >= DOCTOR_SET_SIZE_MAX)
        exam_tell_number(teller, ILL_HUGE_SET, key, size, "jobs");
}

static bool is_used(const struct redis_reply *row, const char *key)
{
    return ct_str_is(redis_reply_str(redis_reply_at(row, 0)), key) &&
           redis_reply_int(redis_reply_at(row, 3), 0) > 0;
}

void exam_read_queue(struct examination *exam, const struct redis_reply *reply,
                     const struct teller *teller)
{
    bool is_paused = redis_reply_int(redis_reply_at(reply, 0), 0) != 0;
    struct ct_str bullmq = redis_reply_str(redis_reply_at(reply, 1));
    int unused = is_paused ? WAIT : PAUSED;

    exam->phase = PLACES;
    if (bullmq.len > 0) {
        bool is_bull = is_paused;

        for (size_t i = 2; i < redis_reply_count(reply); i++)
            is_bull = is_bull || is_used(redis_reply_at(reply, i), "priority");
        if (is_bull)
            exam_tell(teller, ILL_MIXED, bullmq, CT_STR_NONE);
        exam->phase = DONE; /* nothing else holds there */
        return;
    }
    for (size_t i = 2; i < redis_reply_count(reply); i++)
        read_key(exam, redis_reply_at(reply, i), teller);
    if (exam->sizes[unused] > 0)
        exam_tell_number(teller, ILL_TWO_LISTS, ct_str_of(homes[unused].key), exam->sizes[unused],
                         is_paused ? "jobs, and the queue is paused"
                                   : "jobs, and it is not paused");
    seen_init(&exam->seen, exam->sizes[ACTIVE] + exam->sizes[WAIT] + exam->sizes[PAUSED]);
}

/* --- LISTS and SETS -------------------------------------------------------------------------- */

/* A page is one moment: where a list is too long to find the id again, it is the proof. */
static void read_listed(struct examination *exam, struct ct_str id, int64_t flags,
                        const struct teller *teller)
{
    bool is_long = exam->sizes[exam->home] > WHERE_LONG;
    bool is_elsewhere = flags & (IN_COMPLETED | IN_FAILED | IN_DELAYED);
    bool was_seen = seen_add(&exam->seen, id);

    if (is_long && !was_seen && !(flags & IS_JOB))
        exam_tell(teller, ILL_NO_JOB, id, ct_str_of(homes[exam->home].key));
    else if (is_long && !was_seen && is_elsewhere)
        exam_tell(teller, ILL_TWO_STATES, id, ct_str_of(homes[exam->home].key));
    else if (was_seen || !(flags & IS_JOB) || is_elsewhere)
        exam_suspect(exam, id);
    else if (exam->home == ACTIVE && !(flags & HAS_LOCK))
        exam_suspect(exam, id);
}

static void read_member(struct examination *exam, struct ct_str id, int64_t flags,
                        struct ct_str score)
{
    int64_t sets = flags & (IN_COMPLETED | IN_FAILED | IN_DELAYED);
    double at;

    if (exam->home == REPEAT) {
        /* One whose time has come may have ended: nobody can tell that from its entry. */
        if (ct_str_to_double(score, &at) && at > (double)exam->started_ms + 2 * EXAM_REST_MS) {
            exam_add(&exam->series, id);
            exam_add(&exam->series, score);
        }
    } else if (exam->home == PRIORITY) {
        if (!(flags & IS_JOB) || (sets & (IN_COMPLETED | IN_FAILED)))
            exam_suspect(exam, id);
    } else if (!(flags & IS_JOB) || (sets & (sets - 1))) {
        exam_suspect(exam, id);
    }
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

        if (homes[exam->home].is_list)
            read_listed(exam, id, flags, teller);
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

void exam_build_page(struct examination *exam, struct redis_command *command)
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
