/* `send`: one mail. Recipients that were taken are kept in the job's data (`_sent`) before it is
 * retried for the others, so that nobody gets it twice. */
#include <stdlib.h>
#include <string.h>

#include "jobs/jobs.h"
#include "mail/address.h"
#include "mail/draft.h"

static bool send_has(const json_t *list, const char *address)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i,
                       one) if (strcmp(json_string_value(one) ? json_string_value(one) : "",
                                       address) == 0) return true;
    return false;
}

/* Each address of the mail once, without those that have it. `redirect`: only this one. */
static size_t send_envelope(const struct mail *mail, const json_t *sent, const char *redirect,
                            struct talk_recipient *out)
{
    InternetAddressList *lists[] = {mail->to, mail->cc, mail->bcc};
    size_t count = 0;

    if (redirect) {
        out[0].address = redirect;
        return 1;
    }
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < address_count(lists[l]); i++) {
            const char *address = address_at(lists[l], i);
            bool is_known = send_has(sent, address);

            for (size_t k = 0; k < count && !is_known; k++)
                is_known = strcmp(out[k].address, address) == 0;
            if (!is_known)
                out[count++].address = address;
        }
    return count;
}

static json_t *send_rejected(const struct talk_recipient *one)
{
    return json_pack("{s:s, s:i, s:s}", "address", one->address, "code", one->reply.code, "reason",
                     one->reply.text);
}

/* Some were refused for now: the job is to go on with them. */
static bool send_rest_later(struct sdk_call *call, json_t *accepted,
                            const struct talk_recipient *one)
{
    json_t *data = json_copy(call->data);
    char *text;

    json_object_set(data, "_sent", accepted);
    text = json_dumps(data, JSON_COMPACT);
    call->host->update_data(call->job, text, strlen(text));
    free(text);
    json_decref(data);
    return sdk_retry_later(&call->error, "SmtpError",
                           "recipient %s is refused for now: %s; %zu others have the mail",
                           one->address, one->reply.text, json_array_size(accepted));
}

static bool send_to(const struct draft *draft, const struct mail *mail,
                    struct talk_recipient *recipients, size_t count, json_t *accepted)
{
    struct sdk_call *call = draft->call;
    const struct talk_recipient *later = NULL;
    json_t *rejected = json_array();
    struct talk_reply response = {0};
    size_t size = 0;
    enum smtp_fault fault;
    bool is_done =
        count == 0 || draft_send(draft, mail, recipients, count, &response, &fault, &size);

    for (size_t i = 0; is_done && i < count; i++) {
        if (smtp_is_taken(&recipients[i].reply))
            json_array_append_new(accepted, json_string(recipients[i].address));
        else
            json_array_append_new(rejected, send_rejected(&recipients[i]));
        if (!smtp_is_taken(&recipients[i].reply) && !smtp_is_permanent(&recipients[i].reply))
            later = &recipients[i];
    }
    if (later)
        is_done = send_rest_later(call, accepted, later);
    if (is_done)
        call->result =
            json_pack("{s:s, s:O, s:O, s:s, s:I}", "messageId", mail->id, "accepted", accepted,
                      "rejected", rejected, "response", response.text, "size", (json_int_t)size);
    json_decref(rejected);
    return is_done;
}

static bool send_mail(struct sdk_call *call, const json_t *fields, const char *path)
{
    const struct email *email = call->self;
    const json_t *before = json_object_get(call->data, "_sent");
    struct talk_recipient *recipients = NULL;
    struct draft draft;
    struct mail mail = {0};
    bool is_done;

    if (!draft_open(&draft, call, fields, path, NULL))
        return false;
    is_done = draft_make(&draft, NULL, NULL, 0, &mail);
    if (is_done) {
        json_t *accepted = json_is_array(before) ? json_copy((json_t *)before) : json_array();
        char *whom = NULL;
        size_t count = address_count(mail.to) + address_count(mail.cc) + address_count(mail.bcc);

        recipients = calloc(count, sizeof *recipients);
        if (email->settings.redirect_to && mail.to)
            mail.redirected_from = whom = internet_address_list_to_string(mail.to, NULL, FALSE);
        count = send_envelope(&mail, accepted, email->settings.redirect_to, recipients);
        call->host->phase(call->job, "send");
        is_done = send_to(&draft, &mail, recipients, count, accepted);
        json_decref(accepted);
        g_free(whom);
    }
    free(recipients);
    mail_fini(&mail);
    draft_close(&draft);
    return is_done;
}

bool job_send(struct sdk_call *call)
{
    return send_mail(call, call->data, "data");
}

/* The message of a notification: the text of a mail, or its fields. */
static json_t *send_notification(const json_t *data)
{
    const json_t *recipient = json_object_get(data, "recipient");
    json_t *message = json_object_get(data, "message");
    json_t *fields = json_is_object(message) ? json_copy(message) : json_object();

    if (json_is_string(message))
        json_object_set(fields, "text", message);
    if (json_object_get(data, "subject"))
        json_object_set(fields, "subject", json_object_get(data, "subject"));
    if (recipient)
        json_object_set(fields, "to", (json_t *)recipient);
    return fields;
}

bool job_by_type(struct sdk_call *call)
{
    static const char *const types[] = {"email", "send", "bulk", "webhook", "slack", NULL};
    static const sdk_handler_fn others[] = {NULL, NULL, job_bulk, job_webhook, job_slack};
    struct sdk_reader in = sdk_reader(call->data, "data", &call->error);
    int type = sdk_choice(&in, "type", types, -1);
    const json_t *inner = sdk_object(&in, "data");
    json_t *fields;
    bool is_done;

    if (!sdk_reader_ok(&in))
        return false;
    if (type < 0)
        return sdk_refuse(&call->error, "ValidationError",
                          "job \"%.100s\": its name is none of send, bulk, webhook, slack, and its "
                          "data has no type",
                          call->name);
    if (others[type])
        return others[type](call);
    fields = inner ? json_incref((json_t *)inner) : send_notification(call->data);
    is_done = send_mail(call, fields, inner ? "data.data" : "data.message");
    json_decref(fields);
    return is_done;
}
