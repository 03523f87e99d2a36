/* The job `embed`: vectors of texts. All of them come from one provider: vectors of two models do
 * not compare. */
#include <stdlib.h>
#include <string.h>

#include "llm.h"

struct embed {
    json_t *inputs;     /* owned */
    json_t *embeddings; /* owned; in the order of the inputs */
    json_t *model;      /* owned; as the server says */
    json_int_t prompt_tokens, total_tokens;
    int64_t dimensions; /* 0: the model's */
};

static bool is_vector(const json_t *value)
{
    const json_t *number;
    size_t i;

    json_array_foreach(value, i, number)
    {
        if (!json_is_number(number))
            return false;
    }
    return json_array_size(value) > 0;
}

/* Puts what a server gave for inputs from `first` on into their places. */
static bool take_answer(struct embed *embed, size_t first, size_t count, const char *text,
                        struct sdk_error *error)
{
    json_t *answer = json_loads(text, 0, NULL);
    const json_t *data = json_object_get(answer, "data"), *usage = json_object_get(answer, "usage");
    bool is_whole = json_array_size(data) == count;

    for (size_t i = 0; is_whole && i < count; i++) {
        const json_t *item = json_array_get(data, i), *place = json_object_get(item, "index");
        size_t index = json_is_integer(place) ? (size_t)json_integer_value(place) : i;
        json_t *vector = json_object_get(item, "embedding");

        is_whole = index < count && is_vector(vector) &&
                   json_array_set(embed->embeddings, first + index, vector) == 0;
    }
    for (size_t i = 0; is_whole && i < count; i++) /* an index that came twice leaves a hole */
        is_whole = json_is_array(json_array_get(embed->embeddings, first + i));
    embed->prompt_tokens += json_integer_value(json_object_get(usage, "prompt_tokens"));
    embed->total_tokens += json_integer_value(json_object_get(usage, "total_tokens"));
    json_decref(embed->model);
    embed->model = json_incref(json_object_get(answer, "model"));
    json_decref(answer);
    return is_whole ||
           sdk_retry_later(error, "AnswerError",
                           "the server did not give a vector for each of %zu inputs", count);
}

static bool embed_some(struct llm_ask *ask, size_t first, size_t count, struct sdk_error *error)
{
    struct embed *embed = ask->ctx;
    struct sdk_http_request request = {.url = ask->provider->embed_url,
                                       .response_max = LLM_ANSWER_MAX};
    struct sdk_http_response response = {0};
    json_t *some = json_array();
    json_t *body = json_pack("{s:s, s:o}", "model", ask->model, "input", some);
    bool is_done;

    for (size_t i = 0; i < count; i++)
        json_array_append(some, json_array_get(embed->inputs, first + i));
    if (embed->dimensions)
        json_object_set_new(body, "dimensions", json_integer(embed->dimensions));
    is_done = llm_post(ask, body, &request, &response, error) &&
              take_answer(embed, first, count, response.body, error);
    sdk_http_response_free(&response);
    return is_done;
}

static bool embed_try(struct llm_ask *ask, struct sdk_error *error)
{
    struct embed *embed = ask->ctx;
    size_t total = json_array_size(embed->inputs);

    json_array_clear(embed->embeddings);
    for (size_t i = 0; i < total; i++)
        json_array_append_new(embed->embeddings, json_null());
    embed->prompt_tokens = embed->total_tokens = 0;
    for (size_t first = 0; first < total; first += LLM_INPUTS_AT_ONCE) {
        size_t count = total - first < LLM_INPUTS_AT_ONCE ? total - first : LLM_INPUTS_AT_ONCE;

        if (!embed_some(ask, first, count, error))
            return false;
        if (total > LLM_INPUTS_AT_ONCE)
            sdk_call_progress(ask->call,
                              json_pack("{s:I, s:I}", "done", (json_int_t)(first + count), "total",
                                        (json_int_t)total));
    }
    return true;
}

static json_t *inputs_read(struct sdk_reader *in)
{
    json_t *input = (json_t *)(uintptr_t)sdk_any(in, "input");
    json_t *all = json_is_array(input) ? json_incref(input) : json_array();

    if (json_is_string(input))
        json_array_append(all, input);
    if (json_array_size(all) == 0 || json_array_size(all) > LLM_INPUTS_MAX)
        sdk_reader_refuse(in, "input", "must be a text, or a list of 1 to %u texts",
                          LLM_INPUTS_MAX);
    for (size_t i = 0; i < json_array_size(all); i++) {
        if (json_string_length(json_array_get(all, i)) == 0)
            sdk_reader_refuse(in, "input", "item %zu is no text, or empty", i);
    }
    return all;
}

bool embed_run(struct sdk_call *call)
{
    static const char *const names[] = {"input", "dimensions", "model", "provider", NULL};
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    struct embed embed = {.embeddings = json_array()};
    struct llm_ask ask = {.call = call, .ctx = &embed};
    bool is_done = false;

    embed.inputs = inputs_read(&in);
    embed.dimensions = sdk_integer(&in, "dimensions", 0, 1, 65536);
    if (sdk_reader_only(&in, names))
        is_done = llm_try_all(&ask, &in, embed_try);
    if (is_done)
        llm_result_finish(&ask,
                          json_pack("{s:O, s:O?, s:{s:I, s:I}}", "embeddings", embed.embeddings,
                                    "model", embed.model, "usage", "promptTokens",
                                    embed.prompt_tokens, "totalTokens", embed.total_tokens));
    json_decref(embed.inputs);
    json_decref(embed.embeddings);
    json_decref(embed.model);
    json_decref(ask.failures);
    return is_done;
}
