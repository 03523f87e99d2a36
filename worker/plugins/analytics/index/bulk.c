/* See bulk.h. What happens to a batch:
 *
 *   each item 2xx            done
 *   409 to a create          done: an earlier attempt has put it there
 *   429, 502, 503, 504       that item alone is sent again, after a pause, TRIES times; then the
 * job is to be retried (ids are the same then, so nothing is there twice) another status refused
 * for good, told by its id; the others go on 413 to the request       smaller requests from now on
 *   another status to it     as sdk_http_refused says */
#include "index/bulk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table/format.h"

#define TRIES         6
#define PAUSE_MS      250
#define PAUSE_MAX_MS  5000
#define NAP_MS        50
#define REASON_MAX    300
#define ITEM_TEXT_MAX 200u /* bytes of an item's answer, all in all: what filter_path leaves */
#define ANSWER_MIN    (1 << 20)
#define PATH                                                                            \
    "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason," \
    "items.*._id,items.*._index"

void bulk_init(struct bulk *bulk, struct sdk_call *call, bool is_create)
{
    const struct analytics *analytics = call->self;

    *bulk = (struct bulk){
        .call = call,
        .analytics = analytics,
        .is_create = is_create,
        .text = {.max = SIZE_MAX / 2},
        .per_request = (size_t)analytics->settings.search_batch,
        .errors = json_array(),
    };
}

void bulk_free(struct bulk *bulk)
{
    sdk_string_free(&bulk->text);
    free(bulk->items);
    json_decref(bulk->errors);
}

bool bulk_add(struct bulk *bulk, const char *index, const char *id, const char *source, size_t len)
{
    const struct analytics_settings *settings = &bulk->analytics->settings;
    size_t from;

    if (bulk->count > 0 &&
        (bulk->count >= (size_t)settings->search_batch ||
         bulk->text.len + len > (size_t)settings->search_batch_bytes) &&
        !bulk_flush(bulk))
        return false;
    if (bulk->count == bulk->capacity) {
        bulk->capacity = bulk->capacity ? bulk->capacity * 2 : 64;
        bulk->items = realloc(bulk->items, bulk->capacity * sizeof *bulk->items);
        if (!bulk->items)
            abort();
    }
    from = bulk->text.len;
    sdk_string_printf(&bulk->text, "{\"%s\":{\"_index\":", bulk->is_create ? "create" : "index");
    format_json_text(&bulk->text, index, strlen(index));
    sdk_string_puts(&bulk->text, ",\"_id\":");
    format_json_text(&bulk->text, id, strlen(id));
    sdk_string_puts(&bulk->text, "}}\n");
    sdk_string_add(&bulk->text, source, len);
    sdk_string_add(&bulk->text, "\n", 1);
    if (bulk->text.is_full)
        return sdk_retry_later(&bulk->call->error, "MemoryError", "out of memory");
    bulk->items[bulk->count++] = (struct bulk_item){from, bulk->text.len - from, false};
    return true;
}

/* --- answers -------------------------------------------------------------------------------------
 */

static bool is_for_later(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* What was cut in the middle of a character is no text. */
static void cut_character(char *text)
{
    json_t *whole;

    while (!(whole = json_string(text)))
        text[strlen(text) - 1] = '\0';
    json_decref(whole);
}

static void refuse_item(struct bulk *bulk, const json_t *answer, int status)
{
    const json_t *error = json_object_get(answer, "error");
    const char *reason = json_string_value(json_object_get(error, "reason"));
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *id = json_string_value(json_object_get(answer, "_id"));
    char text[REASON_MAX];

    bulk->refused++;
    if (json_array_size(bulk->errors) >= BULK_ERRORS_MAX)
        return;
    snprintf(text, sizeof text, "%s", reason ? reason : "no reason given");
    cut_character(text);
    json_array_append_new(bulk->errors,
                          json_pack("{s:s, s:i, s:s, s:s}", "id", id ? id : "", "status", status,
                                    "type", type ? type : "error", "reason", text));
    sdk_call_log(bulk->call, "refused %s: %d %s: %s", id ? id : "a document", status,
                 type ? type : "error", text);
}

static void take_answer(struct bulk *bulk, struct bulk_item *item, const json_t *answer,
                        size_t *later)
{
    int status = (int)json_integer_value(json_object_get(answer, "status"));

    item->is_done = true;
    if (status >= 200 && status < 300) {
        bulk->indexed++;
    } else if (bulk->is_create && status == 409) {
        bulk->existing++;
    } else if (is_for_later(status)) {
        item->is_done = false;
        ++*later;
    } else {
        refuse_item(bulk, answer, status);
    }
}

/* The answers come in the order of the documents. */
static bool take_answers(struct bulk *bulk, struct bulk_item *const *sent, size_t count,
                         const struct sdk_http_response *response, size_t *later)
{
    json_t *body = json_loadb(response->body, response->body_len, 0, NULL);
    const json_t *items = json_object_get(body, "items");
    bool is_whole = json_array_size(items) == count;

    for (size_t i = 0; is_whole && i < count; i++) {
        json_t *outer = json_array_get(items, i);

        take_answer(bulk, sent[i], json_object_iter_value(json_object_iter(outer)), later);
    }
    if (!is_whole)
        sdk_retry_later(&bulk->call->error, "SearchError",
                        "the search server answered for %zu of %zu documents: is searchUrl one of "
                        "Elasticsearch or OpenSearch?",
                        json_array_size(items), count);
    json_decref(body);
    return is_whole;
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* One request. *is_too_large: it is to be sent in parts. */
static bool send_some(struct bulk *bulk, struct bulk_item *const *items, size_t count,
                      size_t *later, bool *is_too_large)
{
    const struct analytics_settings *settings = &bulk->analytics->settings;
    struct sdk_string body = {.max = SIZE_MAX / 2}, url = {0}, authorization = {0};
    const char *headers[] = {"Content-Type: application/x-ndjson", NULL, NULL};
    struct sdk_http_response response = {0};
    struct sdk_http_request request = {.method = "POST", .is_repeatable = true};
    struct sdk_error *error = &bulk->call->error;
    bool is_sent;

    for (size_t i = 0; i < count; i++)
        sdk_string_add(&body, bulk->text.bytes + items[i]->offset, items[i]->len);
    sdk_string_add(&url, settings->search_url, strlen(settings->search_url));
    while (url.len > 0 && url.bytes[url.len - 1] == '/')
        url.bytes[--url.len] = '\0';
    sdk_string_puts(&url, PATH);
    if (settings->search_authorization) {
        sdk_string_printf(&authorization, "Authorization: %s", settings->search_authorization);
        headers[1] = authorization.bytes;
    }
    request.url = url.bytes;
    request.headers = headers;
    request.body = body.bytes;
    request.body_len = body.len;
    request.response_max = ANSWER_MIN + (int64_t)count * (BULK_ID_MAX + 4 * ITEM_TEXT_MAX);
    is_sent = body.is_full
                  ? sdk_retry_later(error, "MemoryError", "out of memory")
                  : sdk_http_send(bulk->analytics->http, bulk->call, &request, &response, error);
    *is_too_large = is_sent && response.status == 413 && count > 1;
    if (is_sent && !*is_too_large)
        is_sent = response.status >= 300 ? sdk_http_refused(&request, &response, error)
                                         : take_answers(bulk, items, count, &response, later);
    sdk_http_response_free(&response);
    sdk_string_free(&authorization);
    sdk_string_free(&url);
    sdk_string_free(&body);
    return is_sent;
}

/* All that are not done, once. */
static bool send_pending(struct bulk *bulk, size_t *later)
{
    struct bulk_item **some = calloc(bulk->count, sizeof *some);
    size_t at = 0, first = 0, count = 0;
    bool is_too_large, goes_on = true;

    if (!some)
        abort();
    *later = 0;
    while (goes_on) {
        for (count = 0, at = first; at < bulk->count && count < bulk->per_request; at++) {
            if (!bulk->items[at].is_done)
                some[count++] = &bulk->items[at];
        }
        if (count == 0)
            break;
        goes_on = send_some(bulk, some, count, later, &is_too_large);
        if (goes_on && is_too_large)
            bulk->per_request = count / 2;
        else
            first = at;
    }
    free(some);
    return goes_on;
}

static bool take_a_pause(struct sdk_call *call, int64_t ms)
{
    for (; ms > 0; ms -= NAP_MS) {
        struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};

        if (!sdk_call_goes_on(call))
            return false;
        nanosleep(&nap, NULL);
    }
    return sdk_call_goes_on(call);
}

bool bulk_flush(struct bulk *bulk)
{
    int64_t pause_ms = PAUSE_MS;
    size_t later = 0;

    if (bulk->count == 0)
        return true;
    for (int i = 0; i < TRIES; i++) {
        if (i > 0 && !take_a_pause(bulk->call, pause_ms))
            return false;
        if (i > 0)
            pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
        if (!send_pending(bulk, &later))
            return false;
        if (later == 0)
            break;
    }
    if (later > 0)
        return sdk_retry_later(&bulk->call->error, "SearchError",
                               "the search server was too busy for %zu of %zu documents, %d times "
                               "in a row",
                               later, bulk->count, TRIES);
    bulk->count = 0;
    bulk->text.len = 0;
    sdk_call_progress(bulk->call, json_pack("{s:I, s:I}", "indexed", (json_int_t)bulk->indexed,
                                            "refused", (json_int_t)bulk->refused));
    return true;
}
