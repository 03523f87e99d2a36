/* ai: inference and language models. Owns the settings, opening and closing, and the table of job
 * names; what a job does lies in the folders: infer, ocr (on onnx) and llm. See README.md. */
#include "ai.h"

#include <stdio.h>
#include <stdlib.h>

#include "cartrita/sdk/settings.h"
#include "infer/infer.h"
#include "llm/llm.h"
#include "ocr/ocr.h"
#include "onnx/batch.h"
#include "onnx/models.h"

#define AI_VERSION "1.0"

#define KIB        INT64_C(1024)
#define GIB        (KIB * KIB * KIB)
#define AT(member) offsetof(struct ai_settings, member)

static const struct sdk_setting ai_table[] = {
    {.name = "providers", .kind = SDK_SETTING_JSON, .offset = AT(providers)},
    {.name = "roots", .kind = SDK_SETTING_JSON, .offset = AT(roots)},
    {.name = "runtime", .kind = SDK_SETTING_TEXT, .offset = AT(runtime)},
    {.name = "models", .kind = SDK_SETTING_JSON, .offset = AT(models)},
    {.name = "preload", .kind = SDK_SETTING_JSON, .offset = AT(preload)},
    {.name = "warmUp", .kind = SDK_SETTING_BOOLEAN, .offset = AT(warm_up)},
    {.name = "modelMemory",
     .kind = SDK_SETTING_SIZE,
     .offset = AT(model_memory),
     .fallback = "1G",
     .min = KIB,
     .max = 1024 * GIB},
    {.name = "intraThreads",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(intra_threads),
     .fallback = "1",
     .min = 1,
     .max = 256},
    {.name = "runsMax",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(runs_max),
     .fallback = "0",
     .min = 0,
     .max = 1024},
    {.name = "batchMax",
     .kind = SDK_SETTING_INTEGER,
     .offset = AT(batch_max),
     .fallback = "16",
     .min = 1,
     .max = 1024},
    {.name = "batchWait",
     .kind = SDK_SETTING_DURATION,
     .offset = AT(batch_wait_ms),
     .fallback = "0",
     .min = 0,
     .max = 60000},
    {.name = "tensorMax",
     .kind = SDK_SETTING_SIZE,
     .offset = AT(tensor_max),
     .fallback = "64M",
     .min = 1,
     .max = 2 * GIB},
    {.name = "resultMax",
     .kind = SDK_SETTING_SIZE,
     .offset = AT(result_max),
     .fallback = "16M",
     .min = 1,
     .max = GIB},
    {.name = "ocrDetection", .kind = SDK_SETTING_TEXT, .offset = AT(ocr_detection)},
    {.name = "ocrRecognition", .kind = SDK_SETTING_TEXT, .offset = AT(ocr_recognition)},
    {.name = "ocrKeys", .kind = SDK_SETTING_TEXT, .offset = AT(ocr_keys)},
    {.name = "imageMax",
     .kind = SDK_SETTING_SIZE,
     .offset = AT(image_max),
     .fallback = "32M",
     .min = 1,
     .max = GIB},
};
#define AI_SETTING_COUNT (sizeof ai_table / sizeof ai_table[0])

/* By name of the job. */
static const struct sdk_handler ai_handlers[] = {
    {"infer", infer_run},
    {"chat", chat_run},
    {"embed", embed_run},
    {"ocr", ocr_run},
};
#define AI_HANDLER_COUNT (sizeof ai_handlers / sizeof ai_handlers[0])

static void ai_close(void *self)
{
    struct ai *ai = self;

    ocr_close(ai->ocr);
    batches_close(ai->batches);
    models_close(ai->models);
    llm_close(ai->llm);
    sdk_http_close(ai->http);
    sdk_roots_close(ai->roots);
    sdk_settings_free(ai_table, AI_SETTING_COUNT, &ai->settings);
    free(ai);
}

static bool ai_open_parts(struct ai *ai, const char *config, struct sdk_error *error)
{
    struct sdk_http_options http = {0};

    return sdk_settings_read(config, ai_table, AI_SETTING_COUNT, &ai->settings, error) &&
           sdk_roots_open(ai->settings.roots, &ai->roots, error) &&
           sdk_http_open(&http, &ai->http, error) && models_open(ai, &ai->models, error) &&
           batches_open(ai, &ai->batches, error) && ocr_open(ai, &ai->ocr, error) &&
           llm_open(ai, &ai->llm, error);
}

static int32_t ai_open(const struct cartrita_host *host, const char *config, uint32_t concurrency,
                       void **self, char *error, size_t error_size)
{
    struct ai *ai = calloc(1, sizeof *ai);
    struct sdk_error why = {.text = "out of memory"};

    if (ai) {
        ai->host = host;
        ai->concurrency = concurrency;
        if (ai_open_parts(ai, config, &why)) {
            *self = ai;
            return 0;
        }
        ai_close(ai);
    }
    snprintf(error, error_size, "ai: %s", why.text);
    return -1;
}

/* One job a run: jobs of one model are gathered behind it (onnx/batch.h), because a job that waits
 * for a server must not hold up others that came in the same batch. */
static void ai_run(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct ai *ai = self;

    (void)job_count;
    sdk_run_job(ai->host, ai, jobs[0], ai_handlers, AI_HANDLER_COUNT);
}

static void ai_cancel(void *self, struct cartrita_job *job, const char *reason)
{
    struct ai *ai = self;

    (void)reason;
    batches_cancel(ai->batches, job);
}

CARTRITA_PLUGIN(.name = "ai", .version = AI_VERSION, .open = ai_open, .run = ai_run,
                .close = ai_close, .cancel = ai_cancel)
