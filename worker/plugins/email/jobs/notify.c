/* `webhook` and `slack`: notifications over HTTP. A webhook is signed: the header
 * Cartrita-Signature is "t=SECONDS,v1=HEX", HEX being HMAC-SHA256 of "SECONDS.BODY". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cartrita/sdk/digest.h"
#include "cartrita/sdk/text.h"
#include "email.h"
#include "jobs/jobs.h"

#define NOTIFY_BODY_MAX ((size_t)1024 * 1024)
#define NOTIFY_URL_MAX  8192u

static void notify_sign(const char *secret, const char *body, size_t len, char *out, size_t size)
{
    struct sdk_string text = {0};
    unsigned char hash[SDK_SHA256_SIZE];
    char hex[2 * SDK_SHA256_SIZE + 1];
    long long now = (long long)time(NULL);

    sdk_string_printf(&text, "%lld.", now);
    sdk_string_add(&text, body, len);
    sdk_hmac_sha256(secret, strlen(secret), text.bytes, text.len, hash);
    sdk_hex(hash, sizeof hash, hex);
    snprintf(out, size, "Cartrita-Signature: t=%lld,v1=%s", now, hex);
    sdk_string_free(&text);
}

/* The same delivery has the same id at each attempt. */
static void notify_delivery(const struct sdk_call *call, char *out, size_t size)
{
    unsigned char hash[SDK_SHA256_SIZE];
    char key[1024], hex[2 * SDK_SHA256_SIZE + 1];

    snprintf(key, sizeof key, "%s %s %lld", call->host->job_queue_key(call->job),
             call->host->job_id(call->job), (long long)call->host->job_timestamp_ms(call->job));
    sdk_sha256(key, strlen(key), hash);
    sdk_hex(hash, 16, hex);
    snprintf(out, size, "Cartrita-Delivery: %s", hex);
}

static bool notify_post(struct sdk_call *call, const char *url, const json_t *value,
                        const char *secret)
{
    const struct email *email = call->self;
    char signature[160], delivery[100];
    const char *headers[] = {"Content-Type: application/json", delivery, secret ? signature : NULL,
                             NULL};
    char *body = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct sdk_http_request request = {.method = "POST",
                                       .url = url,
                                       .headers = headers,
                                       .body = body,
                                       .body_len = body ? strlen(body) : 0,
                                       .is_repeatable = true,
                                       .attempts = 1};
    struct sdk_http_response response = {0};
    bool is_sent;

    if (!body || request.body_len > NOTIFY_BODY_MAX) {
        free(body);
        return sdk_refuse(&call->error, "LimitError", "the message is longer than %zu bytes",
                          NOTIFY_BODY_MAX);
    }
    notify_delivery(call, delivery, sizeof delivery);
    if (secret)
        notify_sign(secret, body, request.body_len, signature, sizeof signature);
    call->host->phase(call->job, "post");
    is_sent = sdk_http_send(email->http, call, &request, &response, &call->error);
    if (is_sent && response.status >= 300)
        is_sent = sdk_http_refused(&request, &response, &call->error);
    if (is_sent)
        call->result = json_pack("{s:i, s:s}", "status", (int)response.status, "delivery",
                                 delivery + strlen("Cartrita-Delivery: "));
    sdk_http_response_free(&response);
    free(body);
    return is_sent;
}

/* Where the fields are: in `data` of {type, data}, else at the top. */
static const json_t *notify_fields(const struct sdk_call *call)
{
    const json_t *inner = json_object_get(call->data, "data");

    return json_is_object(inner) && json_object_get(call->data, "type") ? inner : call->data;
}

bool job_webhook(struct sdk_call *call)
{
    const struct email *email = call->self;
    struct sdk_reader in = sdk_reader(notify_fields(call), "data", &call->error);
    const char *url =
        sdk_text(&in, "url", sdk_text(&in, "recipient", NULL, NOTIFY_URL_MAX), NOTIFY_URL_MAX);
    const json_t *message = sdk_any(&in, "message");

    if (!sdk_reader_ok(&in))
        return false;
    if (!url || !message)
        return sdk_reader_refuse(&in, url ? "message" : "url", "is needed");
    return notify_post(call, url, message, email->settings.webhook_secret);
}

bool job_slack(struct sdk_call *call)
{
    const struct email *email = call->self;
    struct sdk_reader in = sdk_reader(notify_fields(call), "data", &call->error);
    const char *url =
        sdk_text(&in, "url", sdk_text(&in, "recipient", email->settings.slack_url, NOTIFY_URL_MAX),
                 NOTIFY_URL_MAX);
    const json_t *message = sdk_any(&in, "message");
    json_t *body;
    bool is_sent;

    if (!sdk_reader_ok(&in))
        return false;
    if (!url || !(json_is_string(message) || json_is_object(message)))
        return sdk_reader_refuse(&in, url ? "message" : "url",
                                 url ? "must be a text, or an object such as {text, blocks}"
                                     : "is needed, here or as the setting slackUrl");
    body = json_is_string(message) ? json_pack("{s:O}", "text", message)
                                   : json_incref((json_t *)message);
    is_sent = notify_post(call, url, body, NULL);
    json_decref(body);
    return is_sent;
}
