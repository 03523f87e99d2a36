/* Adding jobs. Adds of one turn share a call of their own, several may be under way. An add is
 * never repeated by itself: when its reply is lost, whoever asked for it is told that the job may
 * or may not be there. Called by the turn. */
#include "queue/queue_internal.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/mem.h"

struct add {
    struct ct_list link; /* in queue->adds or queue->adds_refused */
    struct job_add *job; /* borrowed until `done` */
    void (*done)(struct job_add *add);
    int64_t give_up_ms;
};

struct add_call {
    struct queue *queue;
    struct ct_list jobs; /* struct job_add */
    uint32_t count;
    struct add *adds[COMMIT_ADDS_MAX]; /* owned */
};

void queue_add(struct queue *queue, struct job_add *job, void (*done)(struct job_add *add))
{
    struct add *add = ct_alloc(sizeof *add);

    add->job = job;
    add->done = done;
    add->give_up_ms = ct_monotonic_ms(queue->clock) + QUEUE_ADD_WAIT_MS;
    job->err = (struct ct_error){CT_E_OK, ""};
    job->id = NULL;
    job->is_skipped = false;
    if (queue->add_count < QUEUE_ADDS_MAX) {
        ct_list_push_back(&queue->adds, &add->link);
        queue->add_count++;
    } else {
        ct_error_set(&job->err, CT_E_TOO_LARGE,
                     "queue %s: %d jobs wait to be added already "
                     "(QUEUE_ADDS_MAX); nothing was added, try later",
                     queue->name, QUEUE_ADDS_MAX);
        ct_list_push_back(&queue->adds_refused, &add->link);
    }
    queue_poke(queue);
}

static struct add *add_pop(struct queue *queue)
{
    struct add *add = CT_CONTAINER(queue->adds.next, struct add, link);

    ct_list_remove(&add->link);
    queue->add_count--;
    return add;
}

static void add_answer(struct add *add)
{
    struct job_add *job = add->job;
    void (*done)(struct job_add *) = add->done;

    free(add);
    done(job);
}

/* Gives `err` to those that the dialect has not refused by itself, and answers all. */
static void call_answer(struct add_call *call, const struct ct_error *err)
{
    struct queue *queue = call->queue;

    for (uint32_t i = 0; i < call->count; i++) {
        struct job_add *job = call->adds[i]->job;

        ct_list_remove(&job->link);
        if (err && job->err.code == CT_E_OK)
            job->err = *err;
        if (job->err.code == CT_E_OK && !job->is_skipped)
            queue->tally->adds++;
    }
    for (uint32_t i = 0; i < call->count; i++)
        add_answer(call->adds[i]);
    free(call);
}

static void call_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct add_call *call = arg;
    struct queue *queue = call->queue;
    struct ct_error own = {CT_E_OK, ""};

    queue_enter(queue);
    queue->add_calls--;
    if (!(err && err->code != CT_E_OK))
        own.code = queue->dialect->parse_add(queue->dialect_queue, &call->jobs, reply, &own);
    else if (exchange_is_link_error(err->code))
        ct_error_set(&own, CT_E_REDIS_DOWN,
                     "queue %s: Redis was lost on the way (%s): the job may or may not have been "
                     "added",
                     queue->name, err->detail);
    else
        own = *err;
    call_answer(call, own.code == CT_E_OK ? NULL : &own);
    queue_leave(queue);
}

static size_t add_size(const struct add *add)
{
    return add->job->name.len + add->job->data.len + add->job->opts.len;
}

static bool has_room(const struct queue *queue, const struct add_call *call, size_t bytes)
{
    if (ct_list_is_empty(&queue->adds) || call->count == COMMIT_ADDS_MAX)
        return false;
    size_t size = add_size(CT_CONTAINER(queue->adds.next, struct add, link));
    return call->count == 0 || bytes + size <= COMMIT_BYTES_MAX;
}

static void call_send(struct queue *queue)
{
    struct add_call *call = ct_zalloc(sizeof *call);
    struct redis_command command;
    size_t bytes = 0;

    call->queue = queue;
    ct_list_init(&call->jobs);
    while (has_room(queue, call, bytes)) {
        struct add *add = add_pop(queue);

        bytes += add_size(add);
        call->adds[call->count++] = add;
        ct_list_push_back(&call->jobs, &add->job->link);
    }
    redis_command_init(&command, NULL);
    queue->dialect->build_add(queue->dialect_queue, &call->jobs, ct_wall_ms(queue->clock),
                              queue->random, &command);
    if (command.argc > 0) {
        queue->add_calls++;
        queue->port->call(queue->port->ctx, &command, call_done, call);
    } else {
        call_answer(call, NULL); /* each was refused for its input */
    }
    redis_command_fini(&command);
}

static void give_up(struct queue *queue, int64_t now_ms)
{
    while (!ct_list_is_empty(&queue->adds)) {
        struct add *add = CT_CONTAINER(queue->adds.next, struct add, link);

        if (now_ms < add->give_up_ms)
            return;
        ct_error_set(&add->job->err, CT_E_REDIS_DOWN,
                     "queue %s: Redis could not be reached for %d ms; the job was not added",
                     queue->name, QUEUE_ADD_WAIT_MS);
        add_answer(add_pop(queue));
    }
}

void adds_step(struct queue *queue, int64_t now_ms)
{
    struct ct_list refused;

    ct_list_init(&refused);
    ct_list_append(&refused, &queue->adds_refused);
    while (!ct_list_is_empty(&refused)) {
        struct add *add = CT_CONTAINER(refused.next, struct add, link);

        ct_list_remove(&add->link);
        add_answer(add);
    }
    if (!queue->is_up) {
        give_up(queue, now_ms);
        return;
    }
    /* Not as long as there are some: one that is answered at once may lead to the next. */
    for (int i = 0; i < QUEUE_ADD_CALLS_MAX && !ct_list_is_empty(&queue->adds) &&
                    queue->add_calls < QUEUE_ADD_CALLS_MAX;
         i++)
        call_send(queue);
    if (!ct_list_is_empty(&queue->adds) && queue->add_calls < QUEUE_ADD_CALLS_MAX)
        queue_poke(queue);
}

int64_t adds_next_ms(const struct queue *queue)
{
    if (queue->is_up || ct_list_is_empty(&queue->adds))
        return QUEUE_NEVER;
    return CT_CONTAINER(queue->adds.next, struct add, link)->give_up_ms;
}
