/* Pausing and erasing; see the header. */
#include "q/queue_change.h"

#include "dialect/shared/manage.h"
#include "q/progress.h"

enum ct_code queue_change_open(struct session *session, const char *queue,
                               struct inspect_counts *out, struct ct_error *err)
{
    enum ct_code rc = session_need_queue(session, queue, out, err);

    if (rc == CT_E_OK)
        rc = session_check_change(session, queue, err);
    if (rc == CT_E_OK && !session->dialect->manager)
        rc = ct_error_set(err, CT_E_UNSUPPORTED,
                          "queues of the dialect %s cannot be changed by hand yet",
                          session->dialect->name);
    return rc;
}

enum ct_code queue_change_pause(struct session *session, const char *queue, bool is_pause,
                                struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, queue};
    enum ct_code rc = CT_E_OK;
    bool has_more = true;

    while (rc == CT_E_OK && has_more) {
        struct redis_reply *reply = NULL;
        struct redis_command command;

        redis_command_init(&command, NULL);
        manage_build_pause(session->dialect, &name, is_pause, &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = manage_parse_pause(reply, &has_more, err);
        redis_reply_free(reply);
    }
    return rc;
}

enum ct_code queue_change_erase(struct session *session, const char *queue, enum manage_erase how,
                                int64_t total, enum manage_erased *out, int64_t *removed,
                                struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, queue};
    struct progress progress = {.deed = "removed", .total = total};
    enum ct_code rc = CT_E_OK;

    *removed = 0;
    *out = MANAGE_ERASE_MORE;
    while (rc == CT_E_OK && *out == MANAGE_ERASE_MORE) {
        struct redis_reply *reply = NULL;
        struct redis_command command;
        int64_t count = 0;

        redis_command_init(&command, NULL);
        manage_build_erase(session->dialect, &name, how, &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = manage_parse_erase(reply, out, &count, err);
        redis_reply_free(reply);
        *removed += count;
        progress_show(&progress, *removed);
        if (rc == CT_E_OK && *out == MANAGE_ERASE_MORE)
            rc = progress_check(err);
    }
    progress_end(&progress);
    return rc;
}
