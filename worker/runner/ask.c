/* Questions about children: memory, and the wait. See ask.h. */
#include "worker/runner/ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"

struct ask *ask_new(struct cartrita_job *job, uint64_t which, uint64_t cursor, struct ct_str key)
{
    struct ask *ask = ct_zalloc(sizeof *ask);
    pthread_condattr_t attributes;

    ask->note.kind = NOTE_ASK;
    ask->job = job;
    job_ref(job);
    ask->which = which;
    ask->cursor = cursor;
    ask->key = key.data ? ct_strndup(key.data, key.len) : NULL;
    ct_list_init(&ask->link);
    ct_buf_init(&ask->children);
    pthread_mutex_init(&ask->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&ask->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_init(&ask->refs, 2);
    return ask;
}

void ask_unref(struct ask *ask)
{
    if (atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&ask->answered);
    pthread_mutex_destroy(&ask->lock);
    ct_buf_free(&ask->children);
    job_unref(ask->job);
    free(ask->key);
    free(ask->tags);
    free(ask->error);
    free(ask);
}

/* In the buffer: this, then key and value with a NUL behind each. */
struct record {
    size_t key_len, value_len;
    bool has_value, is_cut;
};

void ask_add(struct ask *ask, struct ct_str key, struct ct_str value, bool is_cut)
{
    const struct record record = {key.len, value.len, value.data != NULL, is_cut};

    ct_buf_append(&ask->children, &record, sizeof record);
    ct_buf_append_str(&ask->children, key);
    ct_buf_append_char(&ask->children, '\0');
    ct_buf_append_str(&ask->children, value);
    ct_buf_append_char(&ask->children, '\0');
}

bool ask_next(const struct ask *ask, size_t *at, struct ask_child *child)
{
    struct record record;
    const char *text;

    if (*at >= ask->children.len)
        return false;
    memcpy(&record, ct_buf_data(&ask->children) + *at, sizeof record);
    text = ct_buf_data(&ask->children) + *at + sizeof record;
    child->key = (struct ct_str){text, record.key_len};
    text += record.key_len + 1;
    child->value = record.has_value ? (struct ct_str){text, record.value_len} : CT_STR_NONE;
    child->is_cut = record.is_cut;
    *at += sizeof record + record.key_len + 1 + record.value_len + 1;
    return true;
}

void ask_answer(struct ask *ask, const char *error)
{
    pthread_mutex_lock(&ask->lock);
    ask->error = error ? ct_strdup(error) : NULL;
    ask->is_answered = true;
    pthread_cond_signal(&ask->answered);
    pthread_mutex_unlock(&ask->lock);
    ask_unref(ask);
}

bool ask_wait(struct ask *ask, uint64_t wait_ms)
{
    struct timespec until;
    bool is_answered;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&ask->lock);
    while (!ask->is_answered &&
           pthread_cond_timedwait(&ask->answered, &ask->lock, &until) != ETIMEDOUT)
        ;
    is_answered = ask->is_answered;
    pthread_mutex_unlock(&ask->lock);
    return is_answered;
}
