/* See rows.h. */
#include "onnx/rows.h"

#include <stdlib.h>
#include <string.h>

static bool rows_fit_tensor(const struct tensor *a, const struct tensor *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape + 1, b->shape + 1, (a->rank - 1) * sizeof a->shape[0]) == 0;
}

/* All inputs of one have as many rows. */
static bool rows_are_even(const struct batch_item *item)
{
    for (size_t i = 0; i < item->model->input_count; i++)
        if (item->inputs[i].shape[0] != item->inputs[0].shape[0] || item->inputs[i].count == 0)
            return false;
    return true;
}

bool rows_fit(const struct batch_item *a, const struct batch_item *b)
{
    if (a->model != b->model || !a->model->is_batchable || a->wanted_count != b->wanted_count ||
        memcmp(a->wanted, b->wanted, a->wanted_count * sizeof a->wanted[0]) != 0)
        return false;
    for (size_t i = 0; i < a->model->input_count; i++)
        if (a->inputs[i].rank == 0 || a->inputs[i].type == TENSOR_STRING ||
            !rows_fit_tensor(&a->inputs[i], &b->inputs[i]))
            return false;
    return rows_are_even(a) && rows_are_even(b);
}

size_t rows_size(const struct batch_item *item)
{
    size_t size = 0;

    for (size_t i = 0; i < item->model->input_count; i++)
        if (tensor_size(&item->inputs[i]) > size)
            size = tensor_size(&item->inputs[i]);
    return size;
}

static int64_t rows_total(struct batch_item *const *items, size_t count)
{
    int64_t rows = 0;

    for (size_t i = 0; i < count; i++)
        rows += items[i]->inputs[0].shape[0];
    return rows;
}

static bool rows_join(struct batch_item *const *items, size_t count, size_t index, size_t max,
                      struct tensor *joined, struct sdk_error *error)
{
    const struct tensor *first = &items[0]->inputs[index];
    int64_t shape[TENSOR_RANK_MAX];
    char *at;

    memcpy(shape, first->shape, sizeof shape);
    shape[0] = rows_total(items, count);
    if (!tensor_init(joined, first->type, shape, first->rank, max, error))
        return false;
    at = joined->bytes;
    for (size_t i = 0; i < count; i++) {
        size_t size = tensor_size(&items[i]->inputs[index]);

        memcpy(at, items[i]->inputs[index].bytes, size);
        at += size;
    }
    return true;
}

/* The first dimension was what we took it for: each output has a row for each row. */
static bool rows_match(const struct tensor *outputs, size_t output_count, int64_t rows,
                       struct sdk_error *error)
{
    for (size_t i = 0; i < output_count; i++)
        if (outputs[i].rank == 0 || outputs[i].shape[0] != rows || outputs[i].type == TENSOR_STRING)
            return sdk_refuse(error, "ModelError", "its first dimension is no batch");
    return true;
}

static bool rows_split(struct batch_item *const *items, size_t count, size_t output_count,
                       const struct tensor *joined, int64_t rows, size_t max,
                       struct sdk_error *error)
{
    for (size_t k = 0; k < output_count; k++) {
        size_t row_size = tensor_size(&joined[k]) / (size_t)rows;
        const char *at = joined[k].bytes;

        for (size_t i = 0; i < count; i++) {
            struct tensor *part = &items[i]->outputs[k];
            int64_t shape[TENSOR_RANK_MAX];

            memcpy(shape, joined[k].shape, sizeof shape);
            shape[0] = items[i]->inputs[0].shape[0];
            if (!tensor_init(part, joined[k].type, shape, joined[k].rank, max, error))
                return false;
            memcpy(part->bytes, at, tensor_size(part));
            at += row_size * (size_t)shape[0];
        }
    }
    return true;
}

bool rows_run(struct batch_item *const *items, size_t count, size_t tensor_max,
              const struct onnx_run_options *options, struct sdk_error *error)
{
    const struct model *model = items[0]->model;
    struct tensor inputs[MODEL_PORTS_MAX] = {0}, outputs[MODEL_PORTS_MAX] = {0};
    size_t output_count = items[0]->wanted_count;
    int64_t rows = rows_total(items, count);
    bool is_done = true;

    for (size_t i = 0; i < model->input_count && is_done; i++)
        is_done = rows_join(items, count, i, tensor_max, &inputs[i], error);
    is_done = is_done &&
              model_run(model, inputs, items[0]->wanted, output_count, count * tensor_max, options,
                        outputs, error) &&
              rows_match(outputs, output_count, rows, error) &&
              rows_split(items, count, output_count, outputs, rows, tensor_max, error);
    for (size_t i = 0; i < MODEL_PORTS_MAX; i++) {
        tensor_fini(&inputs[i]);
        tensor_fini(&outputs[i]);
    }
    for (size_t i = 0; i < count && !is_done; i++)
        for (size_t k = 0; k < output_count; k++)
            tensor_fini(&items[i]->outputs[k]);
    return is_done;
}
