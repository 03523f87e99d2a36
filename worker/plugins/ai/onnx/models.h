/* The models of a runner: each is loaded once, when the first job needs it, and kept as long as all
 * that are loaded need less than a bound; then those that were not used for the longest time go.
 * Owns ONNX Runtime, too: it is opened with the first model. */
#ifndef AI_ONNX_MODELS_H
#define AI_ONNX_MODELS_H

#include "ai.h"
#include "onnx/model.h"

/* A loaded model is taken to need this many times the size of its file. */
#define MODELS_FILE_TIMES 2

struct models;

/* Checks the settings; loads what `preload` names. */
bool models_open(struct ai *ai, struct models **out, struct sdk_error *error);
void models_close(struct models *models);

/* The model that `name` stands for: a name of the setting `models`, else a path: of a
 * job, below the roots, or (is_owners) of the settings, anywhere. Give it back with
 * models_release. Waits while another thread loads it, or while all memory is in use. A thread may
 * hold one at a time. `call` may be NULL. */
bool models_take(struct models *models, struct sdk_call *call, const char *name, bool is_owners,
                 const struct model **out, struct sdk_error *error);
void models_release(struct models *models, const struct model *model);

#endif
