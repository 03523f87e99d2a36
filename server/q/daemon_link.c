/* See daemon_link.h. A loop that runs only while a call waits. The happy path: connect, welcome,
 * a message, its answer. Nobody there, a refusal and silence end the call with the reason; a
 * connection that is lost later is taken up again by proto/client, and the next call waits for it.
 */
#include "q/daemon_link.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/random.h"
#include "common/url.h"
#include "q/daemon_find.h"

static void on_up(void *ctx, const struct proto_welcome *welcome)
{
    const struct ct_str mark = CT_STR_LIT(PROTO_SOFTWARE_PRIVATE);
    const struct ct_str software = welcome->software;
    struct daemon_link *link = ctx;

    link->is_up = true;
    link->is_private = software.len >= mark.len &&
                       memcmp(software.data + software.len - mark.len, mark.data, mark.len) == 0;
}

static void on_down(void *ctx, const struct ct_error *why)
{
    struct daemon_link *link = ctx;

    link->is_up = false;
    link->why = *why;
}

static void take_answer(struct daemon_link *link, uint64_t code, struct ct_str detail,
                        struct ct_str value)
{
    link->is_answered = true;
    link->code = code <= CT_E_INTERNAL ? (enum ct_code)code : CT_E_INTERNAL;
    ct_buf_append_str(&link->detail, detail);
    ct_buf_append_str(&link->value, value);
}

static void on_message(void *ctx, const struct proto_message *message)
{
    const struct proto_done *done = &message->as.done;
    const struct proto_error *error = &message->as.error;
    struct daemon_link *link = ctx;

    if (link->is_answered)
        return;
    if (message->type == PROTO_DONE && done->request == link->request)
        take_answer(link, done->code, done->has_detail ? done->detail : CT_STR_NONE,
                    done->has_value ? done->value : CT_STR_NONE);
    else if (message->type == PROTO_ERROR && error->code == CT_E_UNSUPPORTED)
        take_answer(link, CT_E_UNSUPPORTED,
                    CT_STR_LIT("the daemon is too old for this command: update it"), CT_STR_NONE);
}

static void on_timer(uv_timer_t *timer)
{
    ((struct daemon_link *)timer->data)->is_late = true;
}

static void start_timer(struct daemon_link *link, uint64_t ms)
{
    link->is_late = false;
    uv_update_time(&link->loop);
    uv_timer_start(&link->timer, on_timer, ms, 0);
}

/* Waits until the connection is there, was lost, or time is up. */
static enum ct_code wait_up(struct daemon_link *link, struct ct_error *err)
{
    link->why.code = CT_E_OK;
    while (!link->is_up && link->why.code == CT_E_OK && !link->is_late)
        uv_run(&link->loop, UV_RUN_ONCE);
    if (link->is_up)
        return CT_E_OK;
    if (link->why.code != CT_E_OK) {
        *err = link->why;
        return err->code;
    }
    return ct_error_set(err, CT_E_TIMEOUT, "the daemon at %s did not answer in time",
                        link->address);
}

static enum ct_code open_client(struct daemon_link *link, struct ct_error *err)
{
    const struct proto_client_options options = {
        .loop = &link->loop,
        .address = link->address,
        .hello = {.role = PROTO_ROLE_CLIENT,
                  .software = CT_STR_LIT("cartrita-q/" CARTRITA_VERSION),
                  .has_pid = true,
                  .pid = (uint64_t)getpid()},
        .hello_timeout_ms = (uint32_t)link->settings->timeout_ms,
        .random = &ct_random_system,
        .events = {.on_up = on_up, .on_down = on_down, .on_message = on_message},
        .ctx = link,
    };
    enum ct_code rc = proto_client_open(&options, &link->client, err);

    if (rc == CT_E_OK)
        return CT_E_OK;
    ct_error_wrap(err, "--server");
    return ct_error_set(err, CT_E_USAGE, "%s", err->detail);
}

enum ct_code daemon_link_open(struct daemon_link *link, const struct daemon_settings *settings,
                              struct ct_error *err)
{
    enum ct_code rc = CT_E_OK;

    *link = (struct daemon_link){.settings = settings};
    if (settings->server)
        link->address = ct_strdup(settings->server);
    else
        rc = daemon_find(&link->address, err);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&link->detail);
    ct_buf_init(&link->value);
    uv_loop_init(&link->loop);
    uv_timer_init(&link->loop, &link->timer);
    link->timer.data = link;
    rc = open_client(link, err);
    if (rc == CT_E_OK) {
        start_timer(link, (uint64_t)settings->timeout_ms + 1);
        rc = wait_up(link, err);
    }
    if (rc != CT_E_OK)
        daemon_link_close(link);
    return rc;
}

void daemon_link_close(struct daemon_link *link)
{
    uv_close((uv_handle_t *)&link->timer, NULL);
    if (link->client)
        proto_client_close(link->client, 0, NULL);
    uv_run(&link->loop, UV_RUN_DEFAULT);
    ct_assert(uv_loop_close(&link->loop) == 0);
    ct_buf_free(&link->detail);
    ct_buf_free(&link->value);
    free(link->address);
}

enum ct_code daemon_link_ask(struct daemon_link *link, struct proto_message *message,
                             uint64_t *request, struct ct_str *detail, struct ct_str *value,
                             struct ct_error *err)
{
    enum ct_code rc;

    ct_buf_clear(&link->detail);
    ct_buf_clear(&link->value);
    link->is_answered = false;
    *request = ++link->request;
    start_timer(link, (uint64_t)link->settings->timeout_ms);
    rc = wait_up(link, err);
    if (rc == CT_E_OK)
        rc = proto_client_send(link->client, message, err);
    if (rc != CT_E_OK)
        return rc;
    while (!link->is_answered && link->is_up && !link->is_late)
        uv_run(&link->loop, UV_RUN_ONCE);
    if (!link->is_answered && !link->is_up)
        return ct_error_set(err, CT_E_CLOSED, "%s", link->why.detail);
    if (!link->is_answered)
        return ct_error_set(err, CT_E_TIMEOUT, "the daemon at %s did not answer in time",
                            link->address);
    if (link->code != CT_E_OK)
        return ct_error_set(err, link->code, "%.*s", (int)link->detail.len,
                            link->detail.len ? ct_buf_data(&link->detail) : "");
    if (detail)
        *detail = ct_buf_str(&link->detail);
    if (value)
        *value = ct_buf_str(&link->value);
    return CT_E_OK;
}

void daemon_link_sleep(struct daemon_link *link, uint64_t ms)
{
    start_timer(link, ms);
    while (!link->is_late)
        uv_run(&link->loop, UV_RUN_ONCE);
}
