/* What a plugin may call: the table of cartrita/plugin.h. Called from any thread by plugin code,
 * which is not trusted to follow the rules: a job that has ended, or text that is not JSON, is
 * refused and reported, never a crash. Everything goes to the loop as notes in the outbox. */
#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include "cartrita/plugin.h"
#include "worker/runner/outbox.h"

extern const struct cartrita_host host_table;

/* Bytes a second of its lines in the process log; 0, as it begins: any. Before there are threads.
 */
void host_limit_log(uint64_t rate);

#define HOST_ADD_TEXT_MAX (32u << 20) /* bytes of data and options of one enqueued job */

/* A job to enqueue, on its way to the loop. */
struct add_note {
    struct note note;
    struct cartrita_job *job; /* it comes from; a reference */
    char *queue, *name;       /* owned */
    char *data, *opts;        /* owned JSON; opts NULL: none */
    char *error;              /* owned; NULL: may be sent */
    cartrita_enqueued_fn done;
    void *ctx;
};

void add_note_free(struct add_note *note);

#endif
