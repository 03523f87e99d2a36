/* Servers that speak as OpenAI's does: the providers that the settings name, and a request to the
 * first of them that answers. Called by chat and embed. */
#ifndef AI_LLM_LLM_H
#define AI_LLM_LLM_H

#include "ai.h"
#include "cartrita/sdk/json.h"

#define LLM_PROVIDERS_MAX  8u
#define LLM_MODEL_MAX      200u
#define LLM_PROGRESS_MS    200                /* between two pieces of a text as progress */
#define LLM_TEXT_MAX       (4u * 1024 * 1024) /* bytes of an answer */
#define LLM_LINE_MAX       (1024u * 1024)     /* bytes of a line of a stream */
#define LLM_ANSWER_MAX     (64 * 1024 * 1024) /* bytes of an answer to embed */
#define LLM_MESSAGES_MAX   4096u
#define LLM_INPUTS_MAX     4096u /* of one embed job */
#define LLM_INPUTS_AT_ONCE 256u  /* of one request */

struct llm_provider {
    const char *name, *model;   /* borrowed from the settings; model may be NULL */
    char *chat_url, *embed_url; /* owned */
    char *key;                  /* owned secret; NULL: none */
    int64_t timeout_ms;
};

struct llm {
    struct sdk_http *http; /* owned */
    struct llm_provider providers[LLM_PROVIDERS_MAX];
    size_t provider_count;
};

bool llm_open(const struct ai *ai, struct llm **out, struct sdk_error *error);
void llm_close(struct llm *llm);

/* One job's way through the providers. */
struct llm_ask {
    struct sdk_call *call;
    const struct llm_provider *provider; /* of this try */
    const char *model;                   /* the job's, or the provider's */
    uint32_t attempts;                   /* requests made, all in all */
    json_t *failures;                    /* [{provider, reason}]; owned; NULL: none */
    void *ctx;
};

/* Tries one provider; false: `error` says why. */
typedef bool (*llm_try_fn)(struct llm_ask *ask, struct sdk_error *error);

/* Tries the job's provider, or all in their order until one answers. A request that is wrong in
 * itself is not tried elsewhere. */
bool llm_try_all(struct llm_ask *ask, struct sdk_reader *in, llm_try_fn try);
/* POSTs `body` (consumed); `request` has the rest. True: the status is below 300. */
bool llm_post(struct llm_ask *ask, json_t *body, struct sdk_http_request *request,
              struct sdk_http_response *response, struct sdk_error *error);
/* The text of a server's `error`, {"message": TEXT} or just the text; NULL: it has none. Borrowed.
 */
const char *llm_told(const json_t *told);
/* {promptTokens, completionTokens, totalTokens} of a server's usage, or null. */
json_t *llm_usage(const json_t *usage);
/* Adds model, provider, attempts and what failed before to a result. */
void llm_result_finish(struct llm_ask *ask, json_t *result);

bool chat_run(struct sdk_call *call);
bool embed_run(struct sdk_call *call);

#endif
