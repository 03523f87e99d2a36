/* See the header. */
#include "q/workers.h"

/* Whether a line of CLIENT LIST is of a connection with this name, or of a worker of BullMQ that
 * has a name of its own, which follows it. Exactly: Bull's own getWorkers also counts queues whose
 * encoded name merely begins the same, and BullMQ's listeners to events. */
static bool line_has_name(const char *line, size_t len, const char *name)
{
    static const char own[] = ":w:";
    size_t name_len = strlen(name);

    for (size_t at = 0; at + 5 + name_len <= len; at++) {
        if ((at == 0 || line[at - 1] == ' ') && memcmp(line + at, "name=", 5) == 0)
            return memcmp(line + at + 5, name, name_len) == 0 &&
                   (at + 5 + name_len == len || line[at + 5 + name_len] == ' ' ||
                    (at + 5 + name_len + strlen(own) < len &&
                     memcmp(line + at + 5 + name_len, own, strlen(own)) == 0));
    }
    return false;
}

static int64_t count_lines(struct ct_str text, const char *name)
{
    int64_t count = 0;

    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.data) - at : text.len - at;

        count += line_has_name(text.data + at, len, name);
        at += len + 1;
    }
    return count;
}

enum ct_code workers_list(struct session *session, struct redis_reply **list, struct ct_error *err)
{
    struct redis_command command;
    enum ct_code rc;

    *list = NULL;
    redis_command_init(&command, NULL);
    redis_command_text(&command, "CLIENT");
    redis_command_text(&command, "LIST");
    rc = session_call(session, &command, list, err);
    return rc == CT_E_REDIS_PERM || rc == CT_E_REDIS_ERROR ? CT_E_OK : rc;
}

enum ct_code workers_count(struct session *session, const struct redis_reply *list,
                           const char *queue, int64_t *out, struct ct_error *err)
{
    struct queue_name name = {session->settings->prefix, queue};
    struct queue_settings defaults;
    struct dialect_queue *dialect_queue = NULL;
    enum ct_code rc;

    *out = -1;
    if (!list)
        return CT_E_OK;
    queue_settings_init(&defaults);
    rc = session->dialect->open(&name, &defaults, &dialect_queue, err);
    if (rc == CT_E_OK) {
        *out = count_lines(redis_reply_str(list), session->dialect->client_name(dialect_queue));
        session->dialect->close(dialect_queue);
    }
    queue_settings_fini(&defaults);
    return rc;
}
