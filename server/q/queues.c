/* See the header. */
#include "q/queues.h"

#include "common/mem.h"

enum ct_code queues_of(struct session *session, const char *const *args, size_t arg_count,
                       struct session_names *out, struct ct_error *err)
{
    if (arg_count == 0)
        return session_names(session, out, err);
    *out = (struct session_names){
        .items = ct_zalloc(arg_count * sizeof *out->items), .count = arg_count, .cap = arg_count};
    for (size_t i = 0; i < arg_count; i++)
        out->items[i] = ct_strdup(args[i]);
    return CT_E_OK;
}

enum ct_code queues_missing(struct session *session, const char *queue, struct ct_error *err)
{
    struct inspect_counts counts;
    enum ct_code rc = session_need_queue(session, queue, &counts, err);

    if (rc != CT_E_OK)
        return rc;
    return ct_error_set(err, CT_E_NOT_FOUND, "there is no queue \"%s\" under the prefix \"%s\"",
                        queue, session->settings->prefix);
}
