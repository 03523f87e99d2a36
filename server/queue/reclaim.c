/* What a lost call may have fetched: jobs that Redis holds as leased to us and that nobody here
 * knows. Asked for once the link is up, before anything else is fetched. Called by exchange.c. */
#include "queue/queue_internal.h"

#include "common/log.h"

/* Leaves only the jobs that are not leased here already. */
static void drop_known(struct queue *queue, struct ct_list *jobs)
{
    CT_LIST_FOREACH_SAFE (node, following, jobs) {
        struct job *job = CT_CONTAINER(node, struct job, link);

        if (leases_find(queue, job->token)) {
            ct_list_remove(&job->link);
            job_free(job);
        } else {
            wait_forget_take(queue, job->id); /* that call had taken it */
        }
    }
}

/* Results go on meanwhile. Once the locks have run out there is nothing to reclaim: those jobs are
 * stalled like any others, and fetching goes on. */
static void reclaim_refused(struct queue *queue, const struct ct_error *err)
{
    queue->reclaim_at_ms = queue->retry_at_ms;
    queue->retry_at_ms = 0;
    if (queue->reclaim_at_ms < queue->reclaim_until_ms)
        return;
    queue->needs_reclaim = false;
    ct_log_warn("jobs of a lost call cannot be reclaimed, a check for stalled jobs will find them",
                CT_STR("queue", queue->name), CT_ERR(err));
}

static void reclaim_done(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct queue *queue = arg;
    struct commit *commit = &queue->commit;
    struct ct_error own = {CT_E_OK, ""};

    queue_enter(queue);
    if (!(err && err->code != CT_E_OK)) {
        err = &own;
        own.code = queue->dialect->parse_reclaim(queue->dialect_queue, commit, reply, &own);
    }
    if (err->code == CT_E_OK) {
        queue->needs_reclaim = false;
        queue->is_drained = false;
        exchange_worked(queue);
        drop_known(queue, &commit->jobs);
        consumer_hand_out(queue, &commit->jobs);
    } else {
        (void)exchange_failed(queue, err); /* reading twice does no harm */
        if (!exchange_is_link_error(err->code))
            reclaim_refused(queue, err);
    }
    commit_fini(commit, queue->dialect->free_plan);
    queue->call = CALL_NONE;
    queue_leave(queue);
}

void reclaim_send(struct queue *queue)
{
    struct redis_command command;

    commit_init(&queue->commit);
    queue->call = CALL_RECLAIM;
    redis_command_init(&command, NULL);
    queue->dialect->build_reclaim(queue->dialect_queue, queue->token_base, &command);
    queue->port->call(queue->port->ctx, &command, reclaim_done, queue);
    redis_command_fini(&command);
}
