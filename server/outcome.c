/* How jobs end, and what happens while they run: messages become calls of the engine. Called by
 * session.c. Text that a client calls JSON is checked here: what stands in Redis is read by
 * programs that do not expect anything else. */
#include <stdio.h>

#include "common/json.h"
#include "common/log.h"
#include "server/conn_internal.h"

static struct lease *outcome_lease(const struct conn *conn, uint64_t number)
{
    return lease_table_find(&conn->leases, number);
}

static void outcome_refuse(struct conn *conn, uint64_t number, const struct ct_error *err)
{
    const struct proto_message message = {
        .type = PROTO_ACK,
        .as.ack = {.lease = number,
                   .code = err->code,
                   .has_detail = true,
                   .detail = ct_str_of(err->detail)},
    };

    conn_tell(conn, &message);
}

static void outcome_unknown(struct conn *conn, uint64_t number)
{
    struct ct_error err;

    ct_error_set(&err, CT_E_NOT_FOUND, "this connection holds no lease with the number %llu",
                 (unsigned long long)number);
    outcome_refuse(conn, number, &err);
}

/* A result that is not JSON fails its job, and only that. */
static enum ct_code outcome_fail_broken(struct lease *lease, const struct ct_error *why,
                                        struct ct_error *err)
{
    char reason[CT_ERROR_DETAIL_MAX + 64];

    snprintf(reason, sizeof reason, "the job's result is not valid JSON: %s", why->detail);
    return queue_fail(lease, &(struct failure){.reason = ct_str_of(reason)}, err);
}

void outcome_completed(struct conn *conn, const struct proto_completed *completed)
{
    struct lease *lease = outcome_lease(conn, completed->lease);
    struct ct_error err;
    enum ct_code rc;

    if (!lease) {
        outcome_unknown(conn, completed->lease);
        return;
    }
    if (completed->has_value && ct_json_check(completed->value, &err) != CT_E_OK) {
        struct ct_error why = err;
        rc = outcome_fail_broken(lease, &why, &err);
    } else {
        rc = queue_complete(lease, completed->has_value ? completed->value : CT_STR_NONE, &err);
    }
    if (rc != CT_E_OK)
        outcome_refuse(conn, completed->lease, &err);
}

void outcome_failed(struct conn *conn, const struct proto_failed *failed)
{
    struct lease *lease = outcome_lease(conn, failed->lease);
    const struct failure failure = {
        .reason = failed->has_reason ? failed->reason : CT_STR_NONE,
        .stack = failed->has_stack ? failed->stack : CT_STR_NONE,
        .is_unrecoverable = failed->has_unrecoverable && failed->unrecoverable,
        .has_delay = failed->has_delay_ms,
        .delay_ms = failed->has_delay_ms ? failed->delay_ms : 0,
    };
    struct ct_error err;

    if (!lease)
        outcome_unknown(conn, failed->lease);
    else if (queue_fail(lease, &failure, &err) != CT_E_OK)
        outcome_refuse(conn, failed->lease, &err);
}

/* A longer one counts as the longest. */
static int64_t outcome_duration(const struct proto_released *released, int64_t max_ms)
{
    uint64_t sent_ms = released->has_duration_ms ? released->duration_ms : 0;

    return sent_ms < (uint64_t)max_ms ? (int64_t)sent_ms : max_ms;
}

void outcome_released(struct conn *conn, const struct proto_released *released)
{
    struct lease *lease = outcome_lease(conn, released->lease);
    struct ct_error err;
    enum ct_code rc;

    if (!lease) {
        outcome_unknown(conn, released->lease);
        return;
    }
    switch (released->how) {
    case PROTO_RELEASE_UNSTARTED:
        rc = queue_hand_back(lease, &err);
        break;
    case PROTO_RELEASE_MOVED:
        rc = queue_forget(lease, &err);
        break;
    case PROTO_RELEASE_WAITING:
        rc = queue_release(lease, outcome_duration(released, QUEUE_REST_MAX_MS), &err);
        break;
    case PROTO_RELEASE_POSTPONED:
        rc = queue_postpone(lease, outcome_duration(released, QUEUE_POSTPONE_MAX_MS), &err);
        break;
    case PROTO_RELEASE_AWAITING:
        rc = queue_await(lease, &err);
        break;
    default:
        ct_error_set(&err, CT_E_BAD_MESSAGE, "released: no way to release has the number %llu",
                     (unsigned long long)released->how);
        session_refuse(conn, &err);
        return;
    }
    if (rc != CT_E_OK)
        outcome_refuse(conn, released->lease, &err);
}

/* Notes are not answered: what cannot be taken is dropped, and said in the log of those who look.
 */
static void outcome_note_dropped(const struct conn *conn, const char *what,
                                 const struct ct_error *err)
{
    ct_log_debug("note of a job dropped", CT_INT("pid", conn->pid), CT_STR("note", what),
                 CT_ERR(err));
}

/* Where they come faster than Redis takes them, they wait in the socket and then in the runner. */
static void outcome_check_room(struct conn *conn, const struct lease *lease)
{
    if (lease && !queue_takes_notes(lease))
        conn_hold(conn);
}

void outcome_progress(struct conn *conn, const struct proto_progress *progress)
{
    struct lease *lease = outcome_lease(conn, progress->lease);
    struct ct_error err;

    if (lease && (ct_json_check(progress->value, &err) != CT_E_OK ||
                  queue_progress(lease, progress->value, &err) != CT_E_OK))
        outcome_note_dropped(conn, "progress", &err);
    outcome_check_room(conn, lease);
}

void outcome_log(struct conn *conn, const struct proto_log *log)
{
    struct lease *lease = outcome_lease(conn, log->lease);
    struct ct_error err;

    if (lease && queue_log(lease, log->line, &err) != CT_E_OK)
        outcome_note_dropped(conn, "log", &err);
    outcome_check_room(conn, lease);
}

void outcome_update(struct conn *conn, const struct proto_update *update)
{
    struct lease *lease = outcome_lease(conn, update->lease);
    struct ct_error err;

    if (lease && (ct_json_check(update->data, &err) != CT_E_OK ||
                  queue_update(lease, update->data, &err) != CT_E_OK))
        outcome_note_dropped(conn, "update", &err);
    outcome_check_room(conn, lease);
}
