/* The way from job threads to the loop: a stack that any thread pushes on without a lock and that
 * the loop empties in the order of the pushes, with one wake-up for many notes.
 *
 * Owned by the runner; job threads and plugin threads push, the loop's thread drains. It never
 * frees a note: that is its reader's, who knows what is around it. */
#ifndef WORKER_OUTBOX_H
#define WORKER_OUTBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

enum note_kind {
    NOTE_ENDED,    /* a job has its outcome; the note is inside the job */
    NOTE_PROGRESS, /* the rest are allocated: struct job_note */
    NOTE_LOG,
    NOTE_UPDATE,
    NOTE_ENQUEUE, /* struct add_note */
    NOTE_EXTEND,  /* a job's deadline moved */
    NOTE_ASK,     /* struct ask: a question about children */
};

struct note {
    struct note *next;
    enum note_kind kind;
};

/* While notes come fast the loop looks by itself every millisecond, and threads that still have
 * work do not wake it: a wake-up is a system call on either side. */
#define OUTBOX_POLL_MS     1
#define OUTBOX_POLL_AT_MIN 8 /* notes in one go that make the loop look by itself */

typedef void (*outbox_drain_cb)(void *ctx, struct note *notes);

struct outbox {
    _Atomic(struct note *) top;
    atomic_bool is_polled;
    uv_async_t wake;
    uv_timer_t poll;
    outbox_drain_cb drain;
    void *ctx;
    unsigned handles_open;
};

/* `drain` gets a chain of notes, oldest first, on the loop's thread. */
int outbox_open(struct outbox *outbox, uv_loop_t *loop, outbox_drain_cb drain, void *ctx);
/* No push may come afterwards. The memory is free to go once handles_open is 0. */
void outbox_close(struct outbox *outbox);

/* Any thread. `is_last`: the pusher has nothing more to do for now, so the loop is to hear of it
 * at once. */
void outbox_push(struct outbox *outbox, struct note *note, bool is_last);
/* Loop thread: drains what is there now. */
void outbox_drain(struct outbox *outbox);

#endif
