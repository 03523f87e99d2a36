/* Signals as events of a loop, for commands that go on until they are told to end. */
#ifndef Q_SIGNALS_H
#define Q_SIGNALS_H

#include <uv.h>

struct signals;

/* `on_signal` is called from the loop, for each of `numbers` (0 ends them). The caller calls
 * signals_close; the memory goes when the loop has run once more. */
struct signals *signals_open(uv_loop_t *loop, const int *numbers,
                             void (*on_signal)(void *ctx, int number), void *ctx);
void signals_close(struct signals *signals);

#endif
