/* Dynamic batching: jobs of several threads whose tensors go together in one run of a model.
 *
 * A job that finds a free run starts at once (batchWait 0). While all runs are taken, jobs gather;
 * the next run takes as many as fit. So a batch is as large as the load makes it, and a lone job
 * does not wait. With a batchWait a run waits that long for more, or until batchMax are there.
 *
 * Jobs fit together when model, wanted outputs and shapes but for the first dimension are the same.
 * If a run of several fails, each runs alone, so that the job to blame fails alone. */
#ifndef AI_ONNX_BATCH_H
#define AI_ONNX_BATCH_H

#include "ai.h"
#include "onnx/model.h"

struct batches;

/* What one job wants run; filled in by its caller, who owns all of it. */
struct batch_item {
    struct sdk_call *call;
    const struct model *model;
    const struct tensor *inputs; /* one for each input of the model, checked */
    const size_t *wanted;        /* indices of outputs */
    size_t wanted_count;
    /* Filled in by batch_run: */
    struct tensor *outputs; /* wanted_count of them, zeroed before */
    size_t batch;           /* jobs that were in its run */
    struct sdk_error error;
};

bool batches_open(const struct ai *ai, struct batches **out, struct sdk_error *error);
void batches_close(struct batches *batches);

/* Waits for its turn, runs the model or is taken along by another thread's run. false: item->error.
 */
bool batch_run(struct batches *batches, struct batch_item *item);

/* A job should stop: ends the run that it is in, when no other job needs it. Any thread. */
void batches_cancel(struct batches *batches, const struct cartrita_job *job);

#endif
