/* Tensors of several jobs as one, row behind row, and the results taken apart again. Pure but for
 * the run itself; called by batch.c. */
#ifndef AI_ONNX_ROWS_H
#define AI_ONNX_ROWS_H

#include "onnx/batch.h"

#define ROWS_ITEMS_MAX 1024u

/* Whether two can go in one run. */
bool rows_fit(const struct batch_item *a, const struct batch_item *b);
/* Bytes of its largest input. */
size_t rows_size(const struct batch_item *item);
/* One run of all `count` items (which fit). false: none has outputs. */
bool rows_run(struct batch_item *const *items, size_t count, size_t tensor_max,
              const struct onnx_run_options *options, struct sdk_error *error);

#endif
