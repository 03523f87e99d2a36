/* The plugin `ai`: what all of its jobs share. One per runner process, made in ai_open and shared
 * by all job threads; nothing in it changes between open and close but what guards itself. */
#ifndef AI_H
#define AI_H

#include <jansson.h>
#include <stdint.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/file.h"
#include "cartrita/sdk/http.h"

struct llm;
struct models;
struct batches;
struct ocr;

/* As the user gives them; ai.c has the table. */
struct ai_settings {
    json_t *roots; /* directories that jobs may name files in; NULL: all */

    /* ONNX Runtime and its models */
    char *runtime;         /* library, or a directory that has it; NULL: looked for */
    json_t *models;        /* {name: path or {path, ...}} */
    json_t *preload;       /* names of models that are loaded in open */
    bool warm_up;          /* preloaded models run once */
    int64_t model_memory;  /* bytes of loaded models */
    int64_t intra_threads; /* of one run of a model */
    int64_t runs_max;      /* runs of models at once; 0: as many as there are processors */
    int64_t batch_max;     /* jobs in one run of a model */
    int64_t batch_wait_ms; /* how long a run waits for more jobs */
    int64_t tensor_max;    /* bytes of one tensor */
    int64_t result_max;    /* bytes of a result's tensors */

    json_t *providers; /* of chat and embed: [{name, url, key, model, timeout}]; llm/llm.c */

    /* ocr */
    char *ocr_detection, *ocr_recognition, *ocr_keys;
    int64_t image_max; /* bytes of an image's file */
};

struct ai {
    const struct cartrita_host *host; /* borrowed */
    uint32_t concurrency;
    struct ai_settings settings;
    struct sdk_roots *roots; /* owned; NULL: the whole file system */
    struct sdk_http *http;   /* owned: one client, its connections shared by all jobs */
    struct llm *llm;         /* owned; NULL: no providers are set */
    struct models *models;   /* owned */
    struct batches *batches; /* owned */
    struct ocr *ocr;         /* owned; NULL: the settings name no models for it */
};

#endif
