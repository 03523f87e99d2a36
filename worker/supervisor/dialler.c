/* Connections for a runner. See dialler.h.
 *
 *   IDLE ──ask──> DIALLING ──connected or not──> WRITING ──written──> HANGING UP ──> PAUSING ──>
 * IDLE
 *
 * Once the socket is written it is the runner's, and our copy of it is closed. Failures: the daemon
 * does not answer (the runner is told why and asks again after its backoff), the runner does not
 * read (the one line waits, and no further dial begins), the runner is gone (its slot closes us).
 */
#include "worker/supervisor/dialler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/assert.h"
#include "common/list.h"
#include "worker/shared/control.h"

static void dialler_go(struct dialler *dialler);

static struct dialler *dialler_of(struct proto_dial *dial)
{
    return CT_CONTAINER(dial, struct dialler, dial);
}

static void dialler_hang_up(struct dialler *dialler)
{
    dialler->is_dialling = false;
    proto_dial_close(&dialler->dial);
}

static void dialler_written(uv_write_t *request, int status)
{
    struct dialler *dialler = request->data;

    dialler->is_writing = false;
    dialler_hang_up(dialler);
}

/* With `socket`, if there is one. */
static void dialler_write(struct dialler *dialler, uv_stream_t *socket)
{
    uv_buf_t line = uv_buf_init(dialler->line, (unsigned)strlen(dialler->line));

    dialler->write.data = dialler;
    dialler->is_writing = true;
    if (uv_write2(&dialler->write, (uv_stream_t *)dialler->control, &line, 1, socket,
                  dialler_written) != 0)
        dialler_written(&dialler->write, 0); /* the runner is dying, its slot will tell us */
}

static void dialler_connected(struct proto_dial *dial, const struct ct_error *why)
{
    struct dialler *dialler = dialler_of(dial);

    if (why)
        snprintf(dialler->line, sizeof dialler->line, CONTROL_UNDIALLED "%" PRId64 " %s\n",
                 dialler->number, why->detail);
    else
        snprintf(dialler->line, sizeof dialler->line, CONTROL_DIALLED "%" PRId64 "\n",
                 dialler->number);
    dialler_write(dialler, why ? NULL : &dial->socket.stream);
}

static void dialler_timer_closed(uv_handle_t *handle)
{
    struct dialler *dialler = handle->data;

    ct_address_free(&dialler->address);
    dialler->closed(dialler);
}

static void dialler_pause_over(uv_timer_t *timer)
{
    struct dialler *dialler = timer->data;

    dialler->is_pausing = false;
    dialler_go(dialler);
}

static void dialler_hung_up(struct proto_dial *dial)
{
    struct dialler *dialler = dialler_of(dial);

    dialler->is_dial_open = false;
    if (dialler->is_closing) {
        uv_close((uv_handle_t *)&dialler->pause, dialler_timer_closed);
        return;
    }
    dialler->is_pausing = true;
    uv_timer_start(&dialler->pause, dialler_pause_over, DIALLER_PAUSE_MS, 0);
}

static void dialler_go(struct dialler *dialler)
{
    if (dialler->wanted == 0 || dialler->is_dial_open || dialler->is_pausing || dialler->is_closing)
        return;
    dialler->number = dialler->wanted;
    dialler->wanted = 0;
    dialler->is_dialling = dialler->is_dial_open = true;
    dialler->dial = (struct proto_dial){.loop = dialler->loop,
                                        .address = &dialler->address,
                                        /* Each try begins with another of the name's addresses. */
                                        .first = (unsigned)(dialler->number - 1),
                                        .on_done = dialler_connected,
                                        .on_closed = dialler_hung_up};
    proto_dial_start(&dialler->dial);
}

void dialler_ask(struct dialler *dialler, struct ct_str number)
{
    int64_t wanted;

    if (!ct_str_to_int(number, &wanted) || wanted < 1)
        return;
    dialler->wanted = wanted;
    if (dialler->is_dialling && !dialler->is_writing)
        dialler_hang_up(dialler);
    dialler_go(dialler);
}

void dialler_open(struct dialler *dialler, uv_loop_t *loop, const char *address, uv_pipe_t *control)
{
    struct ct_address parsed;
    enum ct_code rc = ct_address_parse(address, &parsed, NULL);

    ct_assert(rc == CT_E_OK);
    *dialler = (struct dialler){.loop = loop, .control = control, .address = parsed};
    uv_timer_init(loop, &dialler->pause);
    dialler->pause.data = dialler;
}

void dialler_close(struct dialler *dialler, void (*closed)(struct dialler *dialler))
{
    dialler->is_closing = true;
    dialler->closed = closed;
    if (!dialler->is_dial_open)
        uv_close((uv_handle_t *)&dialler->pause, dialler_timer_closed);
    else if (dialler->is_dialling && !dialler->is_writing)
        dialler_hang_up(dialler);
}
