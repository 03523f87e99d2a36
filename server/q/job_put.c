/* See the header. Whether an add that got no answer was carried out is unknown, and said so. */
#include "q/job_put.h"

#include <errno.h>
#include <stdio.h>

#include "common/json.h"
#include "common/random.h"

#define DATA_BYTES_MAX (64u << 20) /* of @FILE and standard input */

/* --- data ----------------------------------------------------------------------------------- */

static enum ct_code read_stream(FILE *in, const char *name, struct ct_buf *out,
                                struct ct_error *err)
{
    size_t got;

    do {
        char *room = ct_buf_reserve(out, 65536);

        got = fread(room, 1, 65536, in);
        out->len += got;
        if (out->len > DATA_BYTES_MAX)
            return ct_error_set(err, CT_E_TOO_LARGE, "%s: longer than %u bytes", name,
                                DATA_BYTES_MAX);
    } while (got > 0);
    if (ferror(in))
        return ct_error_set(err, CT_E_SYSTEM, "%s: %s", name, strerror(errno));
    return CT_E_OK;
}

enum ct_code json_file_read(const char *path, const char *flag, struct ct_buf *out,
                            struct ct_error *err)
{
    FILE *in;
    enum ct_code rc;

    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", out, err);
    in = fopen(path, "rbe");
    if (!in)
        return ct_error_set(err, errno == ENOENT ? CT_E_USAGE : CT_E_SYSTEM, "%s%s: %s", flag, path,
                            strerror(errno));
    rc = read_stream(in, path, out, err);
    fclose(in);
    return rc;
}

enum ct_code job_data_read(const char *given, struct ct_buf *out, struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    if (strcmp(given, "-") == 0)
        rc = json_file_read(given, "--data ", out, err);
    else if (given[0] == '@')
        rc = json_file_read(given + 1, "--data @", out, err);
    else
        ct_buf_append_str(out, ct_str_of(given));
    if (rc == CT_E_OK && ct_json_check(ct_buf_str(out), err) != CT_E_OK) {
        ct_error_wrap(err, "--data");
        rc = CT_E_USAGE;
    }
    return rc;
}

/* --- adding --------------------------------------------------------------------------------- */

enum ct_code jobs_put(struct session *session, const char *queue, struct ct_list *adds,
                      int64_t now_ms, struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct queue_settings defaults;
    struct dialect_queue *dialect_queue = NULL;
    struct redis_reply *reply = NULL;
    struct redis_command command;
    enum ct_code rc;

    queue_settings_init(&defaults);
    rc = session->dialect->open(&name, &defaults, &dialect_queue, err);
    if (rc != CT_E_OK)
        goto out_settings;
    redis_command_init(&command, NULL);
    session->dialect->build_add(dialect_queue, adds, now_ms, &ct_random_system, &command);
    if (command.argc > 0) {
        rc = session_call(session, &command, &reply, err);
        if (rc == CT_E_OK)
            rc = session->dialect->parse_add(dialect_queue, adds, reply, err);
        else if (rc == CT_E_TIMEOUT || rc == CT_E_CLOSED)
            ct_error_wrap(err, "the job may or may not have been added");
    }
    redis_command_fini(&command);
    redis_reply_free(reply);
    session->dialect->close(dialect_queue);
out_settings:
    queue_settings_fini(&defaults);
    return rc;
}

enum ct_code job_put(struct session *session, const char *queue, struct job_add *job,
                     int64_t now_ms, struct ct_error *err)
{
    struct ct_list adds;

    ct_list_init(&adds);
    ct_list_push_back(&adds, &job->link);
    enum ct_code rc = jobs_put(session, queue, &adds, now_ms, err);
    if (rc == CT_E_OK && job->err.code != CT_E_OK)
        rc = ct_error_set(err, job->err.code, "%s", job->err.detail);
    ct_list_remove(&job->link); /* its list ends here */
    return rc;
}
