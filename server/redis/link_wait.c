/* Calls for programs that have no loop of their own: the CLI asks, waits and goes on. Never used by
 * the daemon. */
#include <stdlib.h>

#include "common/mem.h"
#include "redis/link_internal.h"

struct link_wait {
    uv_timer_t timer;
    struct redis_link *link;   /* borrowed */
    struct redis_reply *reply; /* owned until handed to the caller */
    struct ct_error err;
    bool is_asked, is_answered, is_late;
};

static void wait_on_timer(uv_timer_t *timer)
{
    ((struct link_wait *)timer->data)->is_late = true;
}

static void wait_free(struct link_wait *wait)
{
    redis_reply_free(wait->reply);
    free(wait);
}

/* Whoever comes last frees: the answer, or the caller's end of waiting. */
static void wait_on_answer(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct link_wait *wait = arg;

    wait->is_answered = true;
    if (!wait->link) {
        wait_free(wait);
        return;
    }
    if (err)
        wait->err = *err;
    else
        wait->reply = reply_reader_take(wait->link->connection->reader);
}

static void wait_on_closed(uv_handle_t *handle)
{
    struct link_wait *wait = handle->data;

    if (wait->is_answered || !wait->is_asked)
        wait_free(wait);
    else
        wait->link = NULL;
}

/* Until the link is up. A Redis that is only loading is waited for; any other refusal is told at
 * once, for somebody sits in front of it. */
static enum ct_code wait_for_link(struct link_wait *wait, struct ct_error *err)
{
    struct redis_link *link = wait->link;
    uint64_t failures = link->failures;

    while (!redis_link_is_up(link)) {
        if (link->failures != failures && link->down_reason.code != CT_E_REDIS_LOADING) {
            *err = link->down_reason;
            return err->code;
        }
        if (wait->is_late && link->failures > 0) {
            *err = link->down_reason;
            return err->code;
        }
        if (wait->is_late)
            return ct_error_set(err, CT_E_TIMEOUT, "Redis did not answer in time");
        uv_run(link->loop, UV_RUN_ONCE);
    }
    return CT_E_OK;
}

static enum ct_code wait_for_answer(struct link_wait *wait, struct redis_command *command,
                                    struct ct_error *err)
{
    wait->is_asked = true;
    redis_link_call(wait->link, command, wait_on_answer, wait);
    while (!wait->is_answered) {
        if (wait->is_late)
            return ct_error_set(err, CT_E_TIMEOUT, "Redis did not answer in time");
        uv_run(wait->link->loop, UV_RUN_ONCE);
    }
    *err = wait->err;
    return err->code;
}

enum ct_code redis_link_call_wait(struct redis_link *link, struct redis_command *command,
                                  uint64_t timeout_ms, struct redis_reply **reply,
                                  struct ct_error *err)
{
    struct link_wait *wait = ct_zalloc(sizeof *wait);
    struct ct_error failure;

    wait->link = link;
    uv_timer_init(link->loop, &wait->timer);
    wait->timer.data = wait;
    uv_timer_start(&wait->timer, wait_on_timer, timeout_ms, 0);

    enum ct_code rc = wait_for_link(wait, &failure);
    if (rc == CT_E_OK)
        rc = wait_for_answer(wait, command, &failure);
    if (rc == CT_E_OK && reply) {
        *reply = wait->reply;
        wait->reply = NULL;
    }
    uv_close((uv_handle_t *)&wait->timer, wait_on_closed);
    return rc == CT_E_OK ? CT_E_OK : ct_error_set(err, rc, "%s", failure.detail);
}
