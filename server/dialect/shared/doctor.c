/* The examination of one queue: a walk over its lists and sets, then over all its keys. Reads only.
 *
 *   QUEUE   its own keys: types, sizes, which list is in use
 *   PLACES  each id in its lists and sets: has it a job, is it elsewhere, too
 *   PARENTS of each page of jobs that wait for others: can these still end
 *   SCAN    its keys, a part at a time, and JOBS: what each of them is
 *   WHERE   what looked broken on the way, again, each in one moment
 *   LATER   what may be so for a moment in a healthy queue, EXAM_REST_MS after it was seen
 *
 * A queue at work moves its jobs between two steps. So PLACES to JOBS only raise suspicions about
 * places, and WHERE decides. Lists are walked from the head: what is pushed there meanwhile moves
 * ids behind the walk, so that none is overlooked. */
#include <stdlib.h>

#include "common/mem.h"
#include "dialect/shared/exam.h"
#include "dialect/shared/queue.h"

#define SUSPECTS_MAX 100000

/* --- texts ---------------------------------------------------------------------------------- */

void exam_add(struct texts *texts, struct ct_str text)
{
    if (texts->count == texts->cap) {
        texts->cap = texts->cap ? 2 * texts->cap : 64;
        texts->items = ct_realloc(texts->items, texts->cap * sizeof *texts->items);
    }
    texts->items[texts->count++] = ct_strndup(text.data ? text.data : "", text.len);
}

void exam_clear(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){0};
}

void exam_suspect(struct examination *exam, struct ct_str id)
{
    /* An id with a NUL is beyond what texts hold; beyond the bound the next examination goes on. */
    if (exam->suspects.count < SUSPECTS_MAX && !memchr(id.data, '\0', id.len))
        exam_add(&exam->suspects, id);
}

/* --- what is found --------------------------------------------------------------------------- */

void exam_tell(const struct teller *teller, enum ill ill, struct ct_str id, struct ct_str detail)
{
    teller->on_finding(teller->ctx, &teller->doctor->illnesses[ill], id, detail);
}

void exam_tell_number(const struct teller *teller, enum ill ill, struct ct_str id, int64_t number,
                      const char *unit)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%lld %s", (long long)number, unit);
    exam_tell(teller, ill, id, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* --- the whole ------------------------------------------------------------------------------- */

struct examination *doctor_open(const struct dialect *dialect, const struct queue_name *name,
                                const char *const *others, size_t other_count, int64_t now_ms)
{
    struct examination *exam = ct_zalloc(sizeof *exam);

    exam->doctor = dialect->doctor;
    exam->inspector = dialect->inspector;
    exam->base = ct_asprintf("%s:%s:", name->prefix, name->name);
    exam->started_ms = now_ms;
    ct_buf_append_char(&exam->cursor, '0');
    for (size_t i = 0; i < other_count; i++) {
        struct ct_str other = ct_str_of(others[i]);

        if (ct_str_skip(&other, name->name) && ct_str_skip(&other, ":")) {
            char *head = ct_asprintf("%.*s:", (int)other.len, other.data);
            exam_add(&exam->foreign, ct_str_of(head));
            free(head);
        }
    }
    return exam;
}

void doctor_close(struct examination *exam)
{
    exam_clear(&exam->foreign);
    exam_clear(&exam->keys);
    exam_clear(&exam->parents);
    exam_clear(&exam->suspects);
    exam_clear(&exam->doubts);
    exam_clear(&exam->series);
    exam_clear(&exam->silent);
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

/* A series whose next job may have run meanwhile is none to tell anything of. */
static void skip_due(struct texts *series, int64_t now_ms)
{
    while (series->done < series->count &&
           strtod(series->items[series->done + 1], NULL) < (double)(now_ms + 2 * EXAM_REST_MS))
        series->done += 2;
}

/* Phases without anything to ask are left behind. */
static void move_on(struct examination *exam, int64_t now_ms)
{
    if (exam->phase == PARENTS && exam->parents.done == exam->parents.count) {
        exam_clear(&exam->parents);
        exam->phase = exam->home == HOME_COUNT ? SCAN : PLACES;
    }
    if (exam->phase == JOBS && exam->keys.done == exam->keys.count) {
        exam_clear(&exam->keys);
        exam->phase = exam->has_scanned ? WHERE : SCAN;
        if (exam->has_scanned)
            sort_suspects(&exam->suspects);
    }
    if (exam->phase >= WHERE) {
        skip_due(&exam->series, now_ms);
        skip_due(&exam->silent, now_ms);
    }
    if (exam->phase == WHERE && exam->suspects.done == exam->suspects.count)
        exam->phase = LATER;
    if (exam->phase == LATER && exam->doubts.done == exam->doubts.count &&
        exam->series.done == exam->series.count && exam->silent.done == exam->silent.count)
        exam->phase = DONE;
}

bool doctor_build(struct examination *exam, int64_t now_ms, int64_t *rest_ms,
                  struct redis_command *command)
{
    *rest_ms = 0;
    move_on(exam, now_ms);
    switch (exam->phase) {
    case QUEUE:
        exam_build_queue(exam, command);
        return true;
    case PLACES:
        exam_build_page(exam, command);
        return true;
    case PARENTS:
        exam_build_parents(exam, command);
        return true;
    case SCAN:
        exam_build_scan(exam, command);
        return true;
    case JOBS:
        exam_build_jobs(exam, command);
        return true;
    case WHERE:
        exam_build_where(exam, command);
        return true;
    case LATER:
        if (exam->doubted_ms == 0 && exam->series.done == exam->series.count) {
            exam->doubted_ms = now_ms;
            *rest_ms = EXAM_REST_MS;
        }
        exam_build_later(exam, command);
        return true;
    case DONE:
        break;
    }
    return false;
}

enum ct_code doctor_parse(struct examination *exam, const struct redis_reply *reply,
                          finding_fn on_finding, void *ctx, struct ct_error *err)
{
    const struct teller teller = {exam->doctor, on_finding, ctx};
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    switch (exam->phase) {
    case QUEUE:
        exam_read_queue(exam, reply, &teller);
        break;
    case PLACES:
        exam_read_page(exam, reply, &teller);
        break;
    case PARENTS:
        return exam_read_parents(exam, reply, &teller, err);
    case SCAN:
        return exam_read_scan(exam, reply, err);
    case JOBS:
        return exam_read_jobs(exam, reply, &teller, err);
    case WHERE:
        exam_read_where(exam, reply, &teller);
        break;
    case LATER:
        exam_read_later(exam, reply, &teller);
        break;
    case DONE:
        break;
    }
    return CT_E_OK;
}

/* --- repairs --------------------------------------------------------------------------------- */

void doctor_build_repair(const struct dialect *dialect, const struct queue_name *name,
                         const struct illness *illness, struct ct_str id, int64_t now_ms,
                         struct redis_command *command)
{
    struct queue_keys keys;

    queue_keys_init(&keys, dialect->doctor->keys, name->prefix, name->name);
    queue_keys_begin(&keys, dialect->doctor->repair, now_ms, "", command);
    redis_command_text(command, illness->name);
    redis_command_str(command, id);
    queue_keys_fini(&keys);
}

enum ct_code doctor_parse_repair(const struct redis_reply *reply, enum repair_result *out,
                                 struct ct_error *err)
{
    int64_t result = redis_reply_int(reply, -1);

    if (result < 0 || result > 2)
        return ct_error_set(err, CT_E_REDIS_ERROR, "a repair gave no result");
    *out = result == 0 ? REPAIR_HEALTHY : result == 1 ? REPAIR_DONE : REPAIR_MORE;
    return CT_E_OK;
}
