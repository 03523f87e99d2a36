/* Providers, and a request to the first that answers. See llm.h. */
#include "llm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cartrita/sdk/secret.h"
#include "cartrita/sdk/text.h"

#define PROVIDER_TIMEOUT_MS     120000
#define PROVIDER_TIMEOUT_MAX_MS 3600000
#define IDLE_TIMEOUT_MS         60000

static bool provider_read(struct llm_provider *provider, struct sdk_reader *in,
                          struct sdk_error *error)
{
    static const char *const names[] = {"name", "url", "key", "model", "timeout", NULL};
    const char *url = sdk_text(in, "url", SDK_REQUIRED, 2000);
    const char *key = sdk_text(in, "key", NULL, 4096);
    size_t len;

    provider->name = sdk_text(in, "name", SDK_REQUIRED, 64);
    provider->model = sdk_text(in, "model", NULL, LLM_MODEL_MAX);
    provider->timeout_ms =
        sdk_integer(in, "timeout", PROVIDER_TIMEOUT_MS, 1, PROVIDER_TIMEOUT_MAX_MS);
    if (!sdk_reader_only(in, names))
        return false;
    len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (asprintf(&provider->chat_url, "%.*s/chat/completions", (int)len, url) < 0 ||
        asprintf(&provider->embed_url, "%.*s/embeddings", (int)len, url) < 0)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    return !key || sdk_secret_read(key, &provider->key, error) ||
           sdk_error_wrap(error, "key of provider %s", provider->name);
}

bool llm_open(const struct ai *ai, struct llm **out, struct sdk_error *error)
{
    struct sdk_http_options options = {.idle_timeout_ms = IDLE_TIMEOUT_MS, .redirects = -1};
    const json_t *list = ai->settings.providers;
    struct llm *llm;

    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) > LLM_PROVIDERS_MAX)
        return sdk_refuse(error, "SettingError", "providers must be a list of at most %u",
                          LLM_PROVIDERS_MAX);
    llm = calloc(1, sizeof *llm);
    if (!llm)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char path[32];
        struct sdk_reader in;

        snprintf(path, sizeof path, "providers[%zu]", i);
        in = sdk_reader(json_array_get(list, i), path, error);
        if (!provider_read(&llm->providers[llm->provider_count++], &in, error)) {
            llm_close(llm);
            return false;
        }
    }
    if (!sdk_http_open(&options, &llm->http, error)) {
        llm_close(llm);
        return false;
    }
    *out = llm;
    return true;
}

void llm_close(struct llm *llm)
{
    if (!llm)
        return;
    for (size_t i = 0; i < llm->provider_count; i++) {
        free(llm->providers[i].chat_url);
        free(llm->providers[i].embed_url);
        sdk_secret_free(llm->providers[i].key);
    }
    sdk_http_close(llm->http);
    free(llm);
}

/* --- one request --- */

const char *llm_told(const json_t *told)
{
    return json_is_string(told) ? json_string_value(told)
                                : json_string_value(json_object_get(told, "message"));
}

/* What the server says of itself: {"error": {"message": ..., "code": ...}}. */
static bool answer_refused(const struct llm_ask *ask, const struct sdk_http_request *request,
                           const struct sdk_http_response *response, struct sdk_error *error)
{
    json_t *body = json_loads(response->body ? response->body : "", 0, NULL);
    const json_t *told = json_object_get(body, "error");
    const char *message = llm_told(told);
    const char *code = json_string_value(json_object_get(told, "code"));
    long status = response->status;

    if (status == 401 || status == 403)
        sdk_refuse(error, "AuthError", "%ld: check the key of provider %s", status,
                   ask->provider->name);
    else if (status == 429 && code && strcmp(code, "insufficient_quota") == 0)
        sdk_refuse(error, "QuotaError", "429: the quota is used up%s%.500s", message ? ": " : "",
                   message ? message : "");
    else if (status == 400 || status == 413 || status == 422)
        sdk_refuse(error, "RequestError", "%ld%s%.60s%s%.500s", status, code ? " " : "",
                   code ? code : "", message ? ": " : "", message ? message : "");
    else
        sdk_http_refused(request, response, error);
    json_decref(body);
    return false;
}

bool llm_post(struct llm_ask *ask, json_t *body, struct sdk_http_request *request,
              struct sdk_http_response *response, struct sdk_error *error)
{
    const struct ai *ai = ask->call->self;
    char *text = json_dumps(body, JSON_COMPACT), *bearer = NULL;
    const char *headers[] = {"Content-Type: application/json", NULL, NULL};
    bool is_done = false;

    json_decref(body);
    if (text && (!ask->provider->key ||
                 asprintf(&bearer, "Authorization: Bearer %s", ask->provider->key) >= 0)) {
        headers[1] = bearer;
        request->method = "POST";
        request->headers = headers;
        request->body = text;
        request->body_len = strlen(text);
        request->is_repeatable = true; /* nothing is changed by it */
        request->timeout_ms = ask->provider->timeout_ms;
        is_done = sdk_http_send(ai->llm->http, ask->call, request, response, error);
        ask->attempts += response->attempts;
        if (is_done && response->status >= 300)
            is_done = answer_refused(ask, request, response, error);
        else if (!is_done && response->status == 429 && error->delay_ms < 0)
            answer_refused(ask, request, response, error);
    } else {
        sdk_retry_later(error, "MemoryError", "out of memory");
    }
    sdk_secret_free(bearer);
    free(text);
    return is_done;
}

/* --- providers in their order --- */

/* What all of them said becomes one error: for good only if it is from each, and as soon as the
 * first of them says. */
static void failure_add(struct llm_ask *ask, const struct sdk_error *why, struct sdk_error *all)
{
    char before[SDK_ERROR_TEXT_MAX];

    if (!ask->failures) {
        ask->failures = json_array();
        *all = *why;
        sdk_error_wrap(all, "provider %s", ask->provider->name);
    } else {
        snprintf(before, sizeof before, "%s", all->text);
        snprintf(all->text, sizeof all->text, "%.480s; provider %s: %.440s", before,
                 ask->provider->name, why->text);
        if (!why->is_permanent && (all->is_permanent || why->delay_ms < all->delay_ms)) {
            all->delay_ms = why->delay_ms;
            snprintf(all->name, sizeof all->name, "%s", why->name);
        }
        all->is_permanent = all->is_permanent && why->is_permanent;
    }
    snprintf(before, sizeof before, "%s", why->text);
    sdk_redact(before);
    json_array_append_new(
        ask->failures, json_pack("{s:s, s:s}", "provider", ask->provider->name, "reason", before));
}

bool llm_try_all(struct llm_ask *ask, struct sdk_reader *in, llm_try_fn try)
{
    struct sdk_call *call = ask->call;
    const struct llm *llm = ((const struct ai *)call->self)->llm;
    const char *wanted = sdk_text(in, "provider", NULL, 64);
    const char *model = sdk_text(in, "model", NULL, LLM_MODEL_MAX);

    if (!sdk_reader_ok(in))
        return false;
    if (!llm)
        return sdk_refuse(&call->error, "SettingError",
                          "no server is known: set providers of the plugin ai");
    for (size_t i = 0; i < llm->provider_count; i++) {
        struct sdk_error why = {.delay_ms = -1};

        ask->provider = &llm->providers[i];
        if (wanted && strcmp(wanted, ask->provider->name) != 0)
            continue;
        ask->model = model ? model : ask->provider->model;
        if (!ask->model)
            sdk_refuse(&why, "SettingError", "no model is named, by the job or the settings");
        else if (call->host->phase(call->job, ask->provider->name), try(ask, &why))
            return true;
        failure_add(ask, &why, &call->error);
        if (strcmp(why.name, "RequestError") == 0) {
            call->error.is_permanent = true;
            return false;
        }
        if (call->host->is_cancelled(call->job))
            return false;
        sdk_call_log(call, "provider %s: %s", ask->provider->name, why.text);
    }
    return ask->failures ? false
                         : sdk_reader_refuse(in, "provider", "no such provider: %s", wanted);
}

json_t *llm_usage(const json_t *usage)
{
    json_int_t in = json_integer_value(json_object_get(usage, "prompt_tokens"));
    json_int_t out = json_integer_value(json_object_get(usage, "completion_tokens"));
    json_int_t all = json_integer_value(json_object_get(usage, "total_tokens"));

    return json_is_object(usage) ? json_pack("{s:I, s:I, s:I}", "promptTokens", in,
                                             "completionTokens", out, "totalTokens", all)
                                 : json_null();
}

void llm_result_finish(struct llm_ask *ask, json_t *result)
{
    json_object_set_new(result, "provider", json_string(ask->provider->name));
    json_object_set_new(result, "attempts", json_integer(ask->attempts));
    if (ask->failures)
        json_object_set(result, "failures", ask->failures);
    ask->call->result = result;
}
