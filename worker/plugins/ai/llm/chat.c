/* The job `chat`: a text from a language model, its pieces as progress while it comes. */
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/clock.h"
#include "cartrita/sdk/text.h"
#include "llm.h"

/* An answer as it comes, as server-sent events, or as one JSON object where a server does not
 * stream. */
struct stream {
    struct llm_ask *ask;
    const json_t *messages; /* borrowed */
    const json_t *options;  /* borrowed; may be NULL */
    struct sdk_string line, text;
    size_t told; /* bytes of text that are in the progress */
    int64_t told_ms;
    json_t *usage, *model, *reason; /* owned */
    bool is_whole;
};

static void stream_clear(struct stream *stream)
{
    sdk_string_free(&stream->line);
    sdk_string_free(&stream->text);
    json_decref(stream->usage);
    json_decref(stream->model);
    json_decref(stream->reason);
    stream->usage = stream->model = stream->reason = NULL;
    stream->told = 0;
    stream->is_whole = false;
}

static void keep(json_t **place, json_t *value)
{
    if (!value || json_is_null(value))
        return;
    json_decref(*place);
    *place = json_incref(value);
}

static void stream_tell(struct stream *stream)
{
    if (stream->told == stream->text.len)
        return;
    sdk_call_progress(stream->ask->call,
                      json_pack("{s:s#, s:I}", "delta", stream->text.bytes + stream->told,
                                (int)(stream->text.len - stream->told), "length",
                                (json_int_t)stream->text.len));
    stream->told = stream->text.len;
    stream->told_ms = sdk_now_ms();
}

static bool take_object(struct stream *stream, json_t *object, struct sdk_error *error)
{
    json_t *choice = json_array_get(json_object_get(object, "choices"), 0);
    json_t *delta = json_object_get(choice, "delta"), *failure = json_object_get(object, "error");
    json_t *content;

    if (failure && !json_is_null(failure)) {
        const char *message = llm_told(failure);

        return sdk_retry_later(error, "StreamError", "the server broke off: %.400s",
                               message ? message : "without a reason");
    }
    if (!delta) {
        delta = json_object_get(choice, "message");
        stream->is_whole = stream->is_whole || delta;
    }
    content = json_object_get(delta, "content");
    if (json_is_string(content))
        sdk_string_add(&stream->text, json_string_value(content), json_string_length(content));
    keep(&stream->usage, json_object_get(object, "usage"));
    keep(&stream->model, json_object_get(object, "model"));
    keep(&stream->reason, json_object_get(choice, "finish_reason"));
    if (stream->text.is_full)
        return sdk_refuse(error, "TooLargeError", "the text is longer than %u bytes", LLM_TEXT_MAX);
    if (sdk_now_ms() - stream->told_ms >= LLM_PROGRESS_MS)
        stream_tell(stream);
    return true;
}

/* "data: {...}", "data: [DONE]", or, from a server that does not stream, the object itself. */
static bool take_line(struct stream *stream, struct sdk_error *error)
{
    const char *line = stream->line.bytes ? stream->line.bytes : "";
    json_t *object;
    bool is_taken;

    if (strncmp(line, "data:", 5) == 0)
        line += 5;
    else if (line[0] != '{')
        return true; /* a comment, another field, or the end of an event */
    line += strspn(line, " ");
    if (strncmp(line, "[DONE]", 6) == 0) {
        stream->is_whole = true;
        return true;
    }
    object = json_loads(line, 0, NULL);
    if (!object)
        return sdk_retry_later(error, "StreamError", "the stream is broken: \"%.60s\" is no JSON",
                               line);
    is_taken = take_object(stream, object, error);
    json_decref(object);
    return is_taken;
}

static bool on_piece(void *ctx, const char *bytes, size_t len, struct sdk_error *error)
{
    struct stream *stream = ctx;

    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        size_t part = end ? (size_t)(end - bytes) : len;
        bool is_taken;

        sdk_string_add(&stream->line, bytes, part);
        if (stream->line.is_full)
            return sdk_refuse(error, "TooLargeError",
                              "a line of the stream is longer than %u bytes", LLM_LINE_MAX);
        if (!end)
            break;
        is_taken = take_line(stream, error);
        sdk_string_free(&stream->line);
        if (!is_taken)
            return false;
        bytes = end + 1;
        len -= part + 1;
    }
    return true;
}

static bool begin_again(void *ctx)
{
    stream_clear(ctx);
    return true;
}

static bool chat_try(struct llm_ask *ask, struct sdk_error *error)
{
    struct stream *stream = ask->ctx;
    struct sdk_http_request request = {
        .url = ask->provider->chat_url, .on_piece = on_piece, .rewind = begin_again, .ctx = stream};
    struct sdk_http_response response;
    json_t *body =
        stream->options ? json_copy((json_t *)(uintptr_t)stream->options) : json_object();
    bool is_done;

    stream_clear(stream);
    json_object_set_new(body, "model", json_string(ask->model));
    json_object_set(body, "messages", (json_t *)(uintptr_t)stream->messages);
    json_object_set_new(body, "stream", json_true());
    json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    is_done = llm_post(ask, body, &request, &response, error) && take_line(stream, error);
    sdk_http_response_free(&response);
    if (is_done && !stream->is_whole && !stream->reason)
        return sdk_retry_later(error, "StreamError", "the stream ended before the answer did");
    return is_done;
}

static bool options_check(struct sdk_reader *in, const json_t *options)
{
    static const char *const own[] = {"model", "messages", "stream", "stream_options",
                                      "n",     "tools",    NULL};

    for (size_t i = 0; own[i]; i++) {
        if (json_object_get(options, own[i]))
            return sdk_reader_refuse(in, "options", "may not have %s", own[i]);
    }
    return sdk_reader_ok(in);
}

static json_t *messages_build(struct sdk_reader *in)
{
    const json_t *messages = sdk_array(in, "messages", LLM_MESSAGES_MAX);
    const char *prompt = sdk_text(in, "prompt", messages ? NULL : SDK_REQUIRED, LLM_TEXT_MAX);
    const char *system = sdk_text(in, "system", NULL, LLM_TEXT_MAX);
    json_t *all = messages ? json_copy((json_t *)(uintptr_t)messages) : json_array();

    if (system)
        json_array_insert_new(all, 0, json_pack("{s:s, s:s}", "role", "system", "content", system));
    if (prompt)
        json_array_append_new(all, json_pack("{s:s, s:s}", "role", "user", "content", prompt));
    return all;
}

bool chat_run(struct sdk_call *call)
{
    static const char *const names[] = {"messages", "prompt",   "system", "options",
                                        "model",    "provider", NULL};
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    struct llm_ask ask = {.call = call};
    struct stream stream = {.ask = &ask, .line.max = LLM_LINE_MAX, .text.max = LLM_TEXT_MAX};
    json_t *messages = messages_build(&in);
    bool is_done = false;

    ask.ctx = &stream;
    stream.messages = messages;
    stream.options = sdk_object(&in, "options");
    if (sdk_reader_only(&in, names) && options_check(&in, stream.options))
        is_done = llm_try_all(&ask, &in, chat_try);
    if (is_done) {
        stream_tell(&stream);
        llm_result_finish(&ask,
                          json_pack("{s:s#, s:O?, s:O?, s:o}", "text",
                                    stream.text.bytes ? stream.text.bytes : "",
                                    (int)stream.text.len, "model", stream.model, "finishReason",
                                    stream.reason, "usage", llm_usage(stream.usage)));
    }
    stream_clear(&stream);
    json_decref(messages);
    json_decref(ask.failures);
    return is_done;
}
