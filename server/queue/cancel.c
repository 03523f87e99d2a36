/* The message that cancels a job: see cancel.h. */
#include "queue/cancel.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"

/* An id of CANCEL_ID_MAX bytes, each written as an escape of six, and a reason of any sense. */
#define CANCEL_PAYLOAD_MAX (6 * CANCEL_ID_MAX + 65536)

char *cancel_channel(const char *prefix, const char *queue)
{
    return ct_asprintf("%s:%s:cancel", prefix, queue);
}

static bool is_utf8(struct ct_str text)
{
    size_t at = 0;

    while (at < text.len) {
        const size_t len = ct_str_utf8_len(text, at);

        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

struct ct_str cancel_cut_reason(struct ct_str reason)
{
    size_t at = 0;

    while (at < reason.len && reason.data[at] != '\0') {
        size_t len = ct_str_utf8_len(reason, at);

        len = len ? len : 1;
        if (at + len > CANCEL_REASON_MAX)
            break;
        at += len;
    }
    return at > 0 ? (struct ct_str){reason.data, at} : CT_STR_NONE;
}

enum ct_code cancel_build(const char *channel, struct ct_str id, struct ct_str reason,
                          struct redis_command *command, struct ct_error *err)
{
    const bool has_reason = reason.len > 0;
    struct ct_buf payload;

    if (id.len > CANCEL_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "the id of a job to cancel may have %d bytes (CANCEL_ID_MAX)",
                            CANCEL_ID_MAX);
    if (!is_utf8(id) && has_reason)
        return ct_error_set(err, CT_E_INVALID,
                            "this job's id is not UTF-8: it can be cancelled only without a "
                            "reason");
    redis_command_text(command, "PUBLISH");
    redis_command_text(command, channel);
    if (!is_utf8(id)) {
        redis_command_str(command, id);
        return CT_E_OK;
    }
    ct_buf_init(&payload);
    ct_buf_append_str(&payload, CT_STR_LIT("{\"id\":"));
    ct_json_append_string(&payload, id);
    if (has_reason) {
        ct_buf_append_str(&payload, CT_STR_LIT(",\"reason\":"));
        ct_json_append_string(&payload, cancel_cut_reason(reason));
    }
    ct_buf_append_char(&payload, '}');
    redis_command_str(command, ct_buf_str(&payload));
    ct_buf_free(&payload);
    return CT_E_OK;
}

/* Both texts in one block. */
static void cancel_keep(struct cancel *out, struct ct_str id, struct ct_str reason)
{
    const struct ct_str kept = cancel_cut_reason(reason);
    char *at = out->texts = ct_alloc(id.len + 1 + kept.len + 1);

    memcpy(at, id.data, id.len);
    at[id.len] = '\0';
    out->id = (struct ct_str){at, id.len};
    at += id.len + 1;
    if (kept.len)
        memcpy(at, kept.data, kept.len);
    at[kept.len] = '\0';
    out->reason = kept.len ? (struct ct_str){at, kept.len} : CT_STR_NONE;
}

static struct ct_str text_of(const json_t *value)
{
    return json_is_string(value)
               ? (struct ct_str){json_string_value(value), json_string_length(value)}
               : CT_STR_NONE;
}

/* A job's id is text, but programs that number their jobs may well send a number. */
static enum ct_code cancel_read(const json_t *object, struct cancel *out, struct ct_error *err)
{
    const json_t *id = json_object_get(object, "id");
    struct ct_str text = text_of(id);
    char number[32];

    if (json_is_integer(id)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        text = ct_str_of(number);
    }
    if (text.len == 0)
        return ct_error_set(err, CT_E_INVALID,
                            "it names no job: {\"id\":\"7\",\"reason\":\"...\"} or a plain id is "
                            "expected");
    if (text.len > CANCEL_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "its id is over %d bytes (CANCEL_ID_MAX)",
                            CANCEL_ID_MAX);
    cancel_keep(out, text, text_of(json_object_get(object, "reason")));
    return CT_E_OK;
}

enum ct_code cancel_parse(struct ct_str payload, struct cancel *out, struct ct_error *err)
{
    const bool is_object = payload.len > 0 && payload.data[0] == '{';
    json_t *object;

    if (payload.len == 0)
        return ct_error_set(err, CT_E_INVALID, "it is empty");
    if (payload.len > (is_object ? CANCEL_PAYLOAD_MAX : CANCEL_ID_MAX))
        return ct_error_set(err, CT_E_TOO_LARGE, "it has %zu bytes, more than any id can need",
                            payload.len);
    if (!is_object) {
        cancel_keep(out, payload, CT_STR_NONE);
        return CT_E_OK;
    }
    if (ct_json_object(payload, &object, err) != CT_E_OK)
        return err->code;
    const enum ct_code rc = cancel_read(object, out, err);
    json_decref(object);
    return rc;
}

void cancel_fini(struct cancel *cancel)
{
    free(cancel->texts);
    *cancel = (struct cancel){0};
}
