/* `bulk`: one template, a mail of its own for each recipient. What has become of each is kept in
 * the job's data (`_sent`: one letter a recipient) before the job ends for another attempt, which
 * goes on with those that are left. See README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/jobs.h"
#include "mail/address.h"
#include "mail/draft.h"

#define BULK_KEEP_EVERY 100u  /* mails; a crash may repeat as many */
#define BULK_LATER_MAX  20u   /* refused for now in a row: the server wants a rest */
#define BULK_RESERVE_MS 10000 /* of the job's time: it stops by itself before it is stopped */
#define BULK_WAITING    '-'
#define BULK_SENT       's'
#define BULK_REFUSED    'r'

struct bulk {
    struct sdk_call *call;
    struct draft draft;
    json_t *recipients; /* borrowed */
    size_t count;
    char *states;    /* owned: one letter for each */
    json_t *reasons; /* owned: {index: reason} of the refused */
    size_t later_in_row;
    char later[300]; /* why one was refused for now */
};

static void bulk_keep(struct bulk *bulk)
{
    json_t *data = json_copy(bulk->call->data);
    char *text;

    json_object_set_new(data, "_sent",
                        json_pack("{s:s, s:O}", "states", bulk->states, "reasons", bulk->reasons));
    text = json_dumps(data, JSON_COMPACT);
    bulk->call->host->update_data(bulk->call->job, text, strlen(text));
    free(text);
    json_decref(data);
}

static size_t bulk_number(const struct bulk *bulk, char state)
{
    size_t number = 0;

    for (size_t i = 0; i < bulk->count; i++)
        number += bulk->states[i] == state;
    return number;
}

static void bulk_tell(struct bulk *bulk)
{
    sdk_call_progress(bulk->call,
                      json_pack("{s:I, s:I, s:I}", "total", (json_int_t)bulk->count, "sent",
                                (json_int_t)bulk_number(bulk, BULK_SENT), "refused",
                                (json_int_t)bulk_number(bulk, BULK_REFUSED)));
}

static const json_t *bulk_address(const json_t *recipient)
{
    const json_t *to = json_object_get(recipient, "to");

    return to ? to : recipient;
}

static void bulk_refused(struct bulk *bulk, size_t index, const char *reason)
{
    char key[24];

    snprintf(key, sizeof key, "%zu", index);
    bulk->states[index] = BULK_REFUSED;
    json_object_set_new(bulk->reasons, key, json_string(reason));
}

/* false: nothing more can be sent now, call->error says why. */
static bool bulk_one(struct bulk *bulk, size_t index)
{
    const json_t *recipient = json_array_get(bulk->recipients, index);
    const char *redirect = bulk->draft.email->settings.redirect_to;
    struct sdk_call *call = bulk->call;
    struct talk_recipient to = {0};
    struct talk_reply response;
    struct mail mail;
    char *whom = NULL;
    size_t size = 0;
    enum smtp_fault fault = SMTP_FAULT_MAIL;
    bool is_sent = draft_make(&bulk->draft, bulk_address(recipient),
                              json_object_get(recipient, "variables"), index + 1, &mail);

    if (is_sent) {
        to.address = redirect ? redirect : address_at(mail.to, 0);
        if (redirect)
            mail.redirected_from = whom = internet_address_list_to_string(mail.to, NULL, FALSE);
        is_sent = draft_send(&bulk->draft, &mail, &to, 1, &response, &fault, &size);
    }
    g_free(whom);
    mail_fini(&mail);
    if (is_sent)
        bulk->states[index] = BULK_SENT;
    else if (fault == SMTP_FAULT_SERVER)
        return false;
    else if (call->error.is_permanent)
        bulk_refused(bulk, index, call->error.text);
    else
        snprintf(bulk->later, sizeof bulk->later, "%.299s", call->error.text);
    bulk->later_in_row = is_sent || call->error.is_permanent ? 0 : bulk->later_in_row + 1;
    return true;
}

static json_t *bulk_result(const struct bulk *bulk)
{
    json_t *list = json_array();

    for (size_t i = 0; i < bulk->count; i++) {
        const json_t *to = bulk_address(json_array_get(bulk->recipients, i));
        bool is_sent = bulk->states[i] == BULK_SENT;
        json_t *one = json_pack("{s:O, s:s}", "address", to, "state", is_sent ? "sent" : "refused");
        struct mail mail;
        char key[24];

        snprintf(key, sizeof key, "%zu", i);
        if (is_sent && draft_make(&bulk->draft, to,
                                  json_object_get(json_array_get(bulk->recipients, i), "variables"),
                                  i + 1, &mail))
            json_object_set_new(one, "messageId", json_string(mail.id));
        if (is_sent)
            mail_fini(&mail);
        else
            json_object_set(one, "reason", json_object_get(bulk->reasons, key));
        json_array_append_new(list, one);
    }
    return json_pack("{s:I, s:I, s:o}", "sent", (json_int_t)bulk_number(bulk, BULK_SENT), "refused",
                     (json_int_t)bulk_number(bulk, BULK_REFUSED), "recipients", list);
}

static bool bulk_has_time(const struct sdk_call *call)
{
    int64_t left = call->host->job_time_left_ms(call->job);

    return left < 0 || left > BULK_RESERVE_MS;
}

static bool bulk_send(struct bulk *bulk)
{
    struct sdk_call *call = bulk->call;
    size_t done = 0, waiting;
    bool goes_on = true;

    for (size_t i = 0; goes_on && i < bulk->count; i++) {
        if (bulk->states[i] != BULK_WAITING)
            continue;
        goes_on = sdk_call_goes_on(call);
        /* A limit that is too short for this would let it go round without an end. */
        if (goes_on && done > 0 && !bulk_has_time(call)) {
            bulk_keep(bulk);
            call->host->wait(call->job);
            return call->is_ended = true;
        }
        goes_on = goes_on && bulk_one(bulk, i);
        if (++done % BULK_KEEP_EVERY == 0) {
            bulk_keep(bulk);
            bulk_tell(bulk);
        }
        if (bulk->later_in_row >= BULK_LATER_MAX)
            break;
    }
    bulk_tell(bulk);
    waiting = bulk_number(bulk, BULK_WAITING);
    if (waiting > 0)
        bulk_keep(bulk);
    if (!goes_on)
        return sdk_error_wrap(&call->error, "%zu of %zu mails are not sent", waiting, bulk->count);
    if (waiting > 0)
        return sdk_retry_later(&call->error, "SmtpError", "%zu of %zu mails are not sent: %s",
                               waiting, bulk->count, bulk->later);
    if (bulk_number(bulk, BULK_SENT) == 0)
        return sdk_refuse(&call->error, "SmtpError", "all %zu mails were refused, the first: %s",
                          bulk->count, json_string_value(json_object_get(bulk->reasons, "0")));
    call->result = bulk_result(bulk);
    return true;
}

/* What an earlier attempt has kept, if it fits. */
static void bulk_recall(struct bulk *bulk)
{
    const json_t *kept = json_object_get(bulk->call->data, "_sent");
    const char *states = json_string_value(json_object_get(kept, "states"));
    json_t *reasons = json_object_get(kept, "reasons");

    memset(bulk->states, BULK_WAITING, bulk->count);
    if (states && strlen(states) == bulk->count &&
        strspn(states, (char[]){BULK_WAITING, BULK_SENT, BULK_REFUSED, '\0'}) == bulk->count)
        memcpy(bulk->states, states, bulk->count);
    bulk->reasons = json_is_object(reasons) ? json_copy(reasons) : json_object();
}

bool job_bulk(struct sdk_call *call)
{
    const struct email *email = call->self;
    json_t *inner = json_object_get(call->data, "data");
    json_t *fields =
        json_is_object(inner) && json_object_get(call->data, "type") ? inner : call->data;
    struct sdk_reader in = sdk_reader(fields, "data", &call->error);
    struct bulk bulk = {.call = call};
    bool is_done;

    bulk.recipients = (json_t *)sdk_array(&in, "recipients", (size_t)email->settings.bulk_max);
    bulk.count = json_array_size(bulk.recipients);
    if (sdk_reader_ok(&in) && bulk.count == 0)
        sdk_reader_refuse(&in, "recipients", "is needed: [{to, variables}]");
    if (!sdk_reader_ok(&in) || !draft_open(&bulk.draft, call, fields, "data", "recipients"))
        return false;
    bulk.states = calloc(bulk.count + 1, 1);
    bulk_recall(&bulk);
    call->host->phase(call->job, "bulk");
    is_done = bulk_send(&bulk);
    free(bulk.states);
    json_decref(bulk.reasons);
    draft_close(&bulk.draft);
    return is_done;
}
