/* What becomes of the jobs of a runner whose connection ended without a bye. Called by session.c
 * with what its supervisor says, by conn.c when the socket is gone.
 *
 *   socket ends --> ORPHANED --+-- obituary is there, or comes ----> casualties fail with its
 *                              |                                     reason, the rest goes back
 *                              +-- runner resumes its jobs --------> nothing is left to settle
 *                              +-- CONN_RESUME_GRACE_MS is over ---> runner is back: the rest goes
 *                                                                    back; else all have stalled
 *
 * The obituary may come first: what the runner sent before it died may still be in the socket, so
 * its end is waited for. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "server/conn_internal.h"

struct casualty {
    struct ct_list link;       /* in conn->casualties */
    char *queue, *id, *reason; /* owned */
    char *stack;               /* owned; NULL: none */
};

/* A supervisor speaks only of its own runners. */
static bool obituary_concerns(const struct conn *dead, const struct conn *supervisor,
                              struct ct_str runner)
{
    return dead->runner && dead->state != CONN_CLOSED && ct_str_is(runner, dead->runner) &&
           (!dead->worker || (supervisor->worker && strcmp(dead->worker, supervisor->worker) == 0));
}

static void casualty_free(struct casualty *casualty)
{
    ct_list_remove(&casualty->link);
    free(casualty->queue);
    free(casualty->id);
    free(casualty->reason);
    free(casualty->stack);
    free(casualty);
}

void obituary_free(struct conn *conn)
{
    while (!ct_list_is_empty(&conn->casualties))
        casualty_free(CT_CONTAINER(conn->casualties.next, struct casualty, link));
    free(conn->death);
    conn->death = NULL;
}

/* --- what the supervisor says --- */

static char *obituary_text(struct ct_str text)
{
    return ct_strndup(text.data, text.len < CONN_TEXT_MAX ? text.len : CONN_TEXT_MAX);
}

static void obituary_note(struct conn *dead, const struct proto_casualty *said)
{
    struct casualty *casualty;

    if (dead->casualty_count >= CONN_CASUALTIES_MAX || said->queue.len > HOSTS_NAME_MAX ||
        said->id.len > CONN_TEXT_MAX)
        return; /* these jobs go back uncharged */
    casualty = ct_zalloc(sizeof *casualty);
    casualty->queue = ct_strndup(said->queue.data, said->queue.len);
    casualty->id = ct_strndup(said->id.data, said->id.len);
    casualty->reason = obituary_text(said->reason);
    casualty->stack = said->has_stack ? obituary_text(said->stack) : NULL;
    ct_list_push_back(&dead->casualties, &casualty->link);
    dead->casualty_count++;
}

void obituary_casualty(struct conn *conn, const struct proto_casualty *said)
{
    CT_LIST_FOREACH (node, &conn->conns->all) {
        struct conn *dead = CT_CONTAINER(node, struct conn, link);
        if (obituary_concerns(dead, conn, said->runner))
            obituary_note(dead, said);
    }
}

void obituary_obituary(struct conn *conn, const struct proto_obituary *said)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->conns->all) {
        struct conn *dead = CT_CONTAINER(node, struct conn, link);
        if (!obituary_concerns(dead, conn, said->runner) || dead->death)
            continue;
        dead->death = obituary_text(said->reason);
        if (dead->state == CONN_ORPHANED)
            obituary_settle(dead);
        else
            conn_be_patient(dead, CONN_RESUME_GRACE_MS);
    }
}

/* --- what becomes of its jobs --- */

static bool obituary_is_of_queue(const struct conn *conn, const struct lease *lease,
                                 const char *name)
{
    CT_LIST_FOREACH (node, &conn->subs) {
        const struct sub *sub = CT_CONTAINER(node, struct sub, link);
        if (sub->consumer == lease_consumer(lease))
            return strcmp(queue_name(queue_host_queue(sub->host)), name) == 0;
    }
    return false;
}

/* A supervisor knows only the beginning of a long id. */
static bool obituary_is_job(struct ct_str id, const char *said)
{
    size_t len = strlen(said);

    if (len == CONN_CASUALTY_ID_MAX && id.len > len)
        return memcmp(id.data, said, len) == 0;
    return ct_str_is(id, said);
}

static struct lease *obituary_find(const struct conn *conn, const struct casualty *casualty)
{
    struct lease *lease;
    uint32_t at = 0;

    while ((lease = lease_table_next(&conn->leases, &at)) != NULL) {
        if (obituary_is_job(lease_job(lease)->id, casualty->id) &&
            obituary_is_of_queue(conn, lease, casualty->queue))
            return lease;
    }
    return NULL;
}

static uint32_t obituary_charge(struct conn *conn)
{
    uint32_t charged = 0;

    CT_LIST_FOREACH (node, &conn->casualties) {
        const struct casualty *casualty = CT_CONTAINER(node, struct casualty, link);
        struct lease *lease = obituary_find(conn, casualty);
        const struct failure failure = {.reason = ct_str_of(casualty->reason),
                                        .stack = ct_str_of(casualty->stack),
                                        .is_crash = true};
        /* A job that had ended already is refused: its outcome counts. */
        if (lease && queue_fail(lease, &failure, NULL) == CT_E_OK)
            charged++;
    }
    return charged;
}

static bool obituary_runner_is_back(const struct conn *conn)
{
    CT_LIST_FOREACH (node, &conn->conns->all) {
        const struct conn *other = CT_CONTAINER(node, struct conn, link);
        if (other != conn && other->state == CONN_OPEN && other->runner &&
            strcmp(other->runner, conn->runner) == 0)
            return true;
    }
    return false;
}

void obituary_settle(struct conn *conn)
{
    uint32_t held = conn->leases.count;
    uint32_t charged = obituary_charge(conn);
    bool is_known = conn->death || conn->casualty_count > 0 || obituary_runner_is_back(conn);

    if (held > 0)
        ct_log_warn("runner is gone", CT_STR("runner", conn->runner), CT_INT("pid", conn->pid),
                    CT_INT("jobs", held), CT_INT("charged", charged),
                    CT_STR("why", conn->death ? conn->death : "unknown"));
    attach_close_all(conn, is_known ? CONSUMER_RETURNS : CONSUMER_DIED);
    conn_bury(conn);
}

void obituary_orphan(struct conn *conn)
{
    conn->state = CONN_ORPHANED;
    attach_set_windows(conn);
    if (conn->death) {
        obituary_settle(conn);
        return;
    }
    conn_be_patient(conn, CONN_RESUME_GRACE_MS);
}
