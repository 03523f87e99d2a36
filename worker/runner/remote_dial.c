/* Connections from the supervisor. See remote_dial.h.
 *
 * Requests are numbered, because an answer may come when the client has given up and asked anew: a
 * socket that nobody waits for is closed. */
#include "worker/runner/remote_dial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/mem.h"
#include "worker/shared/control.h"

static void remote_ask(struct proto_dialler *dialler, struct proto_dial *dial)
{
    struct remote_dial *remote = CT_CONTAINER(dialler, struct remote_dial, dialler);
    char number[24];

    remote->waiting = dial;
    remote->number++;
    snprintf(number, sizeof number, "%" PRId64, remote->number);
    remote->say(CONTROL_DIAL, number);
}

static void remote_forget(struct proto_dialler *dialler, struct proto_dial *dial)
{
    struct remote_dial *remote = CT_CONTAINER(dialler, struct remote_dial, dialler);

    if (remote->waiting == dial)
        remote->waiting = NULL;
}

void remote_dial_init(struct remote_dial *remote, uv_pipe_t *control,
                      void (*say)(const char *word, const char *text))
{
    *remote = (struct remote_dial){
        .dialler = {.ask = remote_ask, .forget = remote_forget}, .control = control, .say = say};
}

/* The dial that waits for answer `number`; it waits no longer. */
static struct proto_dial *remote_take(struct remote_dial *remote, int64_t number)
{
    struct proto_dial *dial = number == remote->number ? remote->waiting : NULL;

    if (dial)
        remote->waiting = NULL;
    return dial;
}

static void remote_dropped(uv_handle_t *handle)
{
    free(handle);
}

/* Whatever kind of socket it is: nobody uses it. */
static void remote_drop(struct remote_dial *remote)
{
    uv_pipe_t *unwanted = ct_zalloc(sizeof *unwanted);

    uv_pipe_init(remote->control->loop, unwanted, 0);
    (void)uv_accept((uv_stream_t *)remote->control, (uv_stream_t *)unwanted);
    uv_close((uv_handle_t *)unwanted, remote_dropped);
}

static void remote_dialled(struct remote_dial *remote, int64_t number)
{
    struct proto_dial *dial = remote_take(remote, number);
    struct ct_error why;

    if (uv_pipe_pending_count(remote->control) == 0) {
        ct_error_set(&why, CT_E_SYSTEM,
                     "the supervisor's connection did not arrive: is the limit "
                     "of open files reached?");
        if (dial)
            proto_dial_refuse(dial, &why);
    } else if (dial) {
        proto_dial_accept(dial, (uv_stream_t *)remote->control);
    } else {
        remote_drop(remote);
    }
}

static void remote_undialled(struct remote_dial *remote, int64_t number, struct ct_str detail)
{
    struct proto_dial *dial = remote_take(remote, number);
    struct ct_error why;

    ct_error_set(&why, CT_E_CLOSED, "%.*s", (int)detail.len, detail.data);
    if (dial)
        proto_dial_refuse(dial, &why);
}

/* The number that `line` begins with, which it then is without; 0: none. */
static int64_t remote_number(struct ct_str *line)
{
    const char *space = memchr(line->data, ' ', line->len);
    size_t len = space ? (size_t)(space - line->data) : line->len;
    int64_t number;

    if (!ct_str_to_int((struct ct_str){line->data, len}, &number))
        number = 0;
    len += space != NULL;
    *line = (struct ct_str){line->data + len, line->len - len};
    return number;
}

bool remote_dial_told(struct remote_dial *remote, struct ct_str line)
{
    int64_t number;

    if (ct_str_skip(&line, CONTROL_DIALLED)) {
        remote_dialled(remote, remote_number(&line));
        return true;
    }
    if (ct_str_skip(&line, CONTROL_UNDIALLED)) {
        number = remote_number(&line);
        remote_undialled(remote, number, line);
        return true;
    }
    return false;
}
