/* One model, loaded: what it takes, what it gives, and running it. Any thread, several at once. */
#ifndef AI_ONNX_MODEL_H
#define AI_ONNX_MODEL_H

#include "onnx/api.h"
#include "onnx/tensor.h"

#define MODEL_PORTS_MAX 64u /* inputs, and outputs, of one model */

/* An input or an output. */
struct model_port {
    char *name;    /* owned */
    int type;      /* enum tensor_type, or one that is not known here */
    bool is_other; /* a sequence or a map */
    size_t rank;
    int64_t shape[TENSOR_RANK_MAX]; /* -1: any */
    char *symbols[TENSOR_RANK_MAX]; /* owned: names of such dimensions; may be NULL */
};

struct model {
    const struct onnx_api *api; /* borrowed */
    struct onnx_session *session;
    size_t input_count, output_count;
    struct model_port inputs[MODEL_PORTS_MAX], outputs[MODEL_PORTS_MAX];
    bool is_batchable; /* rows of several jobs may go in one run, and come apart again */
};

/* Errors are permanent ("ModelError"). Free with model_close. */
bool model_open(const struct onnx_api *api, const char *path, int64_t intra_threads,
                struct model **out, struct sdk_error *error);
void model_close(struct model *model);

/* Index, or -1. */
int model_input_find(const struct model *model, const char *name);
int model_output_find(const struct model *model, const char *name);

/* "float32 [batch, 3, 224, 224]" */
void model_port_print(const struct model_port *port, char *out, size_t size);
/* Whether `tensor` fits the input; the error says what it wants and what it got. */
bool model_input_check(const struct model_port *port, const struct tensor *tensor,
                       struct sdk_error *error);

/* One run: `inputs` has a tensor for each input, `outputs` (zeroed) takes one for each of
 * `wanted_count` outputs of which `wanted` has the indices. An output larger than output_max bytes
 * is an error. `options` may be NULL. */
bool model_run(const struct model *model, const struct tensor *inputs, const size_t *wanted,
               size_t wanted_count, size_t output_max, const struct onnx_run_options *options,
               struct tensor *outputs, struct sdk_error *error);

#endif
