/* Jobs that come back after a lost connection: their runner names id and token to whatever daemon
 * it reached. When the lease is still here, under the old connection's consumer or nobody's, it
 * changes hands; else Redis is asked whether the lock is still that token's (ADOPT). The newest
 * connection wins. Looked at in a turn, so that no answer comes from inside the consumer's call. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

struct resume {
    struct ct_list link; /* in queue->resumes */
    struct ct_list consumer_link;
    struct consumer *consumer;
    struct ct_str id, token; /* behind the struct */
};

void queue_resume(struct consumer *consumer, struct ct_str id, struct ct_str token)
{
    struct resume *resume = ct_alloc(sizeof *resume + id.len + 1 + token.len + 1);
    char *text = (char *)(resume + 1);

    resume->consumer = consumer;
    resume->id = (struct ct_str){memcpy(text, id.len ? id.data : "", id.len), id.len};
    text[id.len] = '\0';
    text += id.len + 1;
    resume->token =
        (struct ct_str){memcpy(text, token.len ? token.data : "", token.len), token.len};
    text[token.len] = '\0';
    ct_list_push_back(&consumer->queue->resumes, &resume->link);
    ct_list_push_back(&consumer->resumes, &resume->consumer_link);
    queue_poke(consumer->queue);
}

static void resume_free(struct resume *resume)
{
    ct_list_remove(&resume->link);
    ct_list_remove(&resume->consumer_link);
    free(resume);
}

void resume_free_all(struct consumer *consumer)
{
    while (!ct_list_is_empty(&consumer->resumes))
        resume_free(CT_CONTAINER(consumer->resumes.next, struct resume, consumer_link));
}

/* The answer; the resume may be gone afterwards together with its consumer. */
static void tell(struct consumer *consumer, struct ct_str id, struct ct_str token,
                 struct lease *lease, enum ct_code code, const char *why)
{
    struct ct_error err = {CT_E_OK, ""};

    if (code != CT_E_OK)
        ct_error_set(&err, code, "job %.*s is not resumed: %s", (int)id.len, id.data, why);
    consumer->events->on_resumed(consumer->ctx, id, token, lease, &err);
}

static void refuse(struct resume *resume, enum ct_code code, const char *why)
{
    struct consumer *consumer = resume->consumer;

    /* Out of the lists first: the consumer may close itself while it is told. */
    ct_list_remove(&resume->link);
    ct_list_remove(&resume->consumer_link);
    tell(consumer, resume->id, resume->token, NULL, code, why);
    free(resume);
}

/* Tells the consumer that had it, if it is still there, and gives it to the new one. */
static void change_hands(struct resume *resume, struct lease *lease)
{
    static const char why[] = "resumed over another connection";
    struct consumer *before = lease->consumer, *consumer = resume->consumer;

    ct_list_remove(&resume->link);
    ct_list_remove(&resume->consumer_link);
    ct_list_remove(&lease->answer_link);
    lease_give(lease, NULL);
    if (lease->state == LEASE_ENDING || lease->state == LEASE_ENDED)
        lease->is_again = true;
    lease_give(lease, consumer);
    if (lease->state == LEASE_ADOPTING) {
        if (before)
            tell(before, resume->id, resume->token, NULL, CT_E_CONFLICT, why);
        free(resume); /* its answer comes with that of Redis */
        return;
    }
    if (before)
        before->events->on_answer(before->ctx, lease, CT_E_CONFLICT, QUEUE_LOST, why);
    /* The other consumer's callback may have closed this one; then the lease is not its any more.
     */
    if (lease->consumer == consumer) {
        lease->note = 0;
        tell(consumer, resume->id, resume->token, lease, CT_E_OK, "");
        cancel_tell(lease);
    }
    free(resume);
}

/* Undoes what consumer_close queued, when Redis has not seen it. */
static bool take_back(struct lease *lease)
{
    if (lease->is_sent || lease->outcome->is_resent)
        return false;
    effects_drop(lease->queue, lease->outcome);
    lease->is_returned = false;
    lease_become(lease, LEASE_HELD);
    return true;
}

/* False: look again in the next turn. */
static bool resume_held(struct resume *resume, struct lease *lease)
{
    const bool is_ours = lease->consumer == resume->consumer;

    if (lease->state == LEASE_SCHEDULING || !ct_str_equal(lease_id(lease), resume->id))
        refuse(resume, CT_E_LOCK_LOST, "the token is not that of this job");
    else if (is_ours && (lease->state <= LEASE_HELD || lease->is_again))
        refuse(resume, CT_E_CONFLICT, "this connection holds it already");
    else if (is_ours)
        refuse(resume, CT_E_CONFLICT, "this connection has ended it already");
    else if (lease->state == LEASE_HELD && lease->is_lost)
        refuse(resume, CT_E_LOCK_LOST, ct_error_text(CT_E_LOCK_LOST));
    else if (lease->state == LEASE_ENDING && lease->is_returned && !take_back(lease))
        return false;
    else
        change_hands(resume, lease);
    return true;
}

static void resume_adopt(struct resume *resume)
{
    struct queue *queue = resume->consumer->queue;

    if (effects_is_full(queue)) {
        refuse(resume, CT_E_TOO_LARGE, "too many changes wait for Redis (QUEUE_PENDING_MAX)");
        return;
    }
    lease_new_adopting(queue, resume->consumer, resume->id, resume->token);
    resume_free(resume);
}

void resume_step(struct queue *queue)
{
    struct ct_list todo;

    ct_list_init(&todo);
    ct_list_append(&todo, &queue->resumes);
    while (!ct_list_is_empty(&todo)) {
        struct resume *resume = CT_CONTAINER(todo.next, struct resume, link);
        struct lease *lease = leases_find(queue, resume->token);

        if (!lease) {
            resume_adopt(resume);
        } else if (!resume_held(resume, lease)) {
            ct_list_remove(&resume->link);
            ct_list_push_back(&queue->resumes, &resume->link);
        }
    }
}

void resume_adopted(struct queue *queue, struct effect *effect)
{
    struct lease *lease = effect->owner;
    struct consumer *consumer = lease->consumer;
    struct job *job = effect->leased;
    enum ct_code code = effect->code;

    effect->leased = NULL;
    if (code == CT_E_OK &&
        !(job && ct_str_equal(job->id, effect->value) && ct_str_equal(job->token, effect->extra)))
        code = CT_E_INTERNAL; /* not what was asked for: better lost than run under a wrong name */
    if (code == CT_E_OK) {
        lease_adopted(lease, job);
        job = NULL;
    } else {
        lease_free(lease);
        lease = NULL;
    }
    if (consumer)
        tell(consumer, effect->value, effect->extra, lease, code, ct_error_text(code));
    else if (lease)
        ct_log_debug("resumed job goes back, its connection is gone", CT_STR("queue", queue->name),
                     CT_BYTES("job", effect->value));
    if (lease)
        cancel_tell(lease);
    job_free(job);
    effect_free(effect, queue->dialect->free_plan);
}
