/* See the header. */
#include "dialect/shared/add.h"

#include <stdlib.h>

#include "common/mem.h"

struct job_add *add_at(struct ct_list *node)
{
    return CT_CONTAINER(node, struct job_add, link);
}

bool adds_write(const struct dialect_queue *queue, struct ct_list *adds, add_write_fn write,
                int64_t now_ms, const struct ct_random *random, struct redis_command *jobs)
{
    bool is_fine = true;

    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);

        add->is_skipped = false;
        add->err = (struct ct_error){CT_E_OK, ""};
        enum ct_code rc = write(queue, add, now_ms, random, jobs, &add->err);
        if (rc == CT_E_NOT_FOUND) {
            add->is_skipped = true;
            add->err = (struct ct_error){CT_E_OK, ""};
        } else if (rc != CT_E_OK) {
            is_fine = false;
        }
    }
    return is_fine;
}

static enum ct_code parse_one(struct job_add *add, add_refused_fn refused,
                              const struct redis_reply *answer, struct ct_error *err)
{
    struct ct_str id = redis_reply_str(answer);
    const struct redis_reply *first = redis_reply_at(answer, 0);
    struct ct_str problem = redis_reply_str(first);
    int64_t code = redis_reply_int(first, 0);

    if (id.data) {
        free(add->id);
        add->id = ct_strndup(id.data, id.len);
    } else if (problem.data) {
        (void)redis_error_parse(problem, &add->err);
    } else if (refused && code < 0) {
        refused(add, code, redis_reply_str(redis_reply_at(answer, 1)));
    } else {
        return ct_error_set(err, CT_E_INTERNAL, "add.lua answered what it should not");
    }
    return CT_E_OK;
}

enum ct_code adds_parse(struct ct_list *adds, add_refused_fn refused,
                        const struct redis_reply *reply, struct ct_error *err)
{
    size_t place = 0;
    enum ct_code rc = redis_reply_check(reply, err);

    if (rc != CT_E_OK)
        return rc;
    CT_LIST_FOREACH (node, adds) {
        struct job_add *add = add_at(node);
        if (add->err.code != CT_E_OK || add->is_skipped)
            continue;
        rc = parse_one(add, refused, redis_reply_at(reply, place++), err);
        if (rc != CT_E_OK)
            return rc;
    }
    return CT_E_OK;
}
