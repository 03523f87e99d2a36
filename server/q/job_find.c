/* Finding one job. One call tells most of it; only a job that is in none of the sorted sets is
 * looked for in the lists, a part at a time. */
#include "q/job_find.h"

static enum ct_code find_in_lists(struct session *session, const struct queue_name *name,
                                  struct ct_str id, struct inspect_found *found,
                                  struct ct_error *err)
{
    int64_t place = 0;
    enum ct_code rc = CT_E_OK;

    while (rc == CT_E_OK && place >= 0 && !found->has_state) {
        struct redis_reply *reply = NULL;
        struct redis_command command;

        redis_command_init(&command, NULL);
        inspect_build_find(session->inspector, name, id, place, &command);
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = inspect_parse_find(session->inspector, reply, &found->has_state, &found->state,
                                    &place, err);
        redis_reply_free(reply);
    }
    return rc;
}

static enum ct_code refuse(const char *queue, const char *id, bool is_listed, struct ct_error *err)
{
    if (is_listed)
        return ct_error_set(err, CT_E_JOB_MISSING,
                            "job \"%s\" is in a list of queue \"%s\", but its hash is gone", id,
                            queue);
    return ct_error_set(err, CT_E_NOT_FOUND, "queue \"%s\" has no job \"%s\"", queue, id);
}

static enum ct_code peek(struct session *session, const struct queue_name *name, const char *id,
                         uint32_t log_max, struct inspect_found *out, struct redis_reply **reply,
                         struct ct_error *err)
{
    const struct ct_str text = ct_str_of(id);
    struct redis_command command;
    enum ct_code rc;

    *reply = NULL;
    redis_command_init(&command, NULL);
    inspect_build_job(session->inspector, name, text, log_max, &command);
    rc = session_call(session, &command, reply, err);
    if (rc == CT_E_OK)
        rc = inspect_parse_job(session->inspector, *reply, text, out, err);
    return rc;
}

enum ct_code job_peek(struct session *session, const char *queue, const char *id, uint32_t log_max,
                      struct inspect_found *out, struct redis_reply **reply, struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, queue};

    return peek(session, &name, id, log_max, out, reply, err);
}

static enum ct_code look(struct session *session, const struct queue_name *name, const char *id,
                         uint32_t log_max, struct inspect_found *out, struct redis_reply **reply,
                         struct ct_error *err)
{
    enum ct_code rc = peek(session, name, id, log_max, out, reply, err);

    if (rc == CT_E_OK && !out->has_state)
        rc = find_in_lists(session, name, ct_str_of(id), out, err);
    return rc;
}

enum ct_code job_look(struct session *session, const struct queue_name *name, const char *id,
                      struct inspect_found *out, struct redis_reply **reply, struct ct_error *err)
{
    return look(session, name, id, 0, out, reply, err);
}

enum ct_code job_find(struct session *session, const char *queue, const char *id, uint32_t log_max,
                      struct inspect_found *out, struct redis_reply **reply, struct ct_error *err)
{
    const struct queue_name name = {session->settings->prefix, queue};
    enum ct_code rc = look(session, &name, id, log_max, out, reply, err);

    if (rc == CT_E_OK && !out->exists)
        rc = refuse(queue, id, out->has_state, err);
    return rc;
}

const char *job_state_name(const struct session *session, const struct inspect_found *found)
{
    return found->has_state ? session->inspector->states[found->state].name : "stuck";
}
