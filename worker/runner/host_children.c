/* host->children: the pages of an answer, on the thread that asked. */
#include <stdio.h>

#include "proto/codec.h"
#include "worker/runner/ask.h"
#include "worker/runner/host_parts.h"
#include "worker/runner/threads.h"

struct reader {
    struct cartrita_job *job;
    uint64_t which;
    cartrita_child_fn each;
    void *ctx;
    bool has_enough;
    char *error; /* the plugin's; may be NULL */
    size_t error_size;
};

static int32_t reader_fail(const struct reader *reader, const char *why)
{
    if (reader->error && reader->error_size > 0)
        snprintf(reader->error, reader->error_size, "%s", why);
    return -1;
}

/* Fails, or returns 0 with the whole answer in *out, of which the caller has a reference. */
static int32_t reader_ask(const struct reader *reader, uint64_t cursor, struct ct_str key,
                          struct ask **out)
{
    const char *cancelled = atomic_load_explicit(&reader->job->cancel_reason, memory_order_acquire);
    struct ask *ask;
    int32_t rc = 0;

    if (cancelled)
        return reader_fail(reader, cancelled);
    ask = ask_new(reader->job, reader->which, cursor, key);
    outbox_push(threads_outbox(reader->job->threads), &ask->note, true);
    if (!ask_wait(ask, ASK_WAIT_MS))
        rc = reader_fail(reader, "the daemon has not answered for 10 s (ASK_WAIT_MS)");
    else if (ask->error)
        rc = reader_fail(reader, ask->error);
    if (rc == 0)
        *out = ask;
    else
        ask_unref(ask);
    return rc;
}

static void reader_give(struct reader *reader, const struct ask_child *child)
{
    reader->has_enough =
        reader->each(reader->ctx, child->key.data, child->value.data, child->value.len) != 0;
}

/* One that its page had no room for. It may be gone meanwhile. */
static int32_t reader_give_long(struct reader *reader, struct ct_str key)
{
    struct ask_child child;
    struct ask *ask;
    size_t at = 0;
    int32_t rc = reader_ask(reader, 0, key, &ask);

    if (rc != 0)
        return rc;
    if (ask_next(ask, &at, &child))
        reader_give(reader, &child);
    ask_unref(ask);
    return 0;
}

static int32_t reader_page(struct reader *reader, uint64_t *cursor)
{
    struct ask_child child;
    struct ask *ask;
    size_t at = 0;
    int32_t rc = reader_ask(reader, *cursor, CT_STR_NONE, &ask);

    if (rc != 0)
        return rc;
    while (rc == 0 && !reader->has_enough && ask_next(ask, &at, &child)) {
        if (child.is_cut)
            rc = reader_give_long(reader, child.key);
        else
            reader_give(reader, &child);
    }
    *cursor = ask->next_cursor;
    ask_unref(ask);
    return rc;
}

_Static_assert(CARTRITA_CHILDREN_PROCESSED == PROTO_CHILDREN_PROCESSED &&
                   CARTRITA_CHILDREN_IGNORED == PROTO_CHILDREN_IGNORED &&
                   CARTRITA_CHILDREN_FAILED == PROTO_CHILDREN_FAILED &&
                   CARTRITA_CHILDREN_UNPROCESSED == PROTO_CHILDREN_UNPROCESSED,
               "plugins and the wire number the kinds alike");
_Static_assert(ASK_WAIT_MS == 10000, "the error says 10 s");

int32_t host_children(struct cartrita_job *job, int32_t which, cartrita_child_fn each, void *ctx,
                      char *error, size_t error_size)
{
    struct reader reader = {
        .job = job,
        .which = (uint64_t)which,
        .each = each,
        .ctx = ctx,
        .error = error,
        .error_size = error_size,
    };
    uint64_t cursor = 0;
    int32_t rc;

    if (which < CARTRITA_CHILDREN_PROCESSED || which > CARTRITA_CHILDREN_UNPROCESSED || !each)
        return reader_fail(&reader, "children: no such kind of children, or nobody to tell");
    if (!host_is_running(job, "asked for the children of a job that has ended"))
        return reader_fail(&reader, "children: the job has ended");
    job_ref(job);
    do {
        rc = reader_page(&reader, &cursor);
    } while (rc == 0 && cursor != 0 && !reader.has_enough);
    job_unref(job);
    return rc;
}
