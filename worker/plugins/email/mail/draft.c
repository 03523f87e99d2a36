/* From a job's fields to mails. See draft.h. */
#include "mail/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cartrita/sdk/digest.h"
#include "mail/address.h"
#include "mail/files.h"

#define DRAFT_HEADERS_MAX     64u
#define DRAFT_HEADER_NAME_MAX 76u
#define DRAFT_HEADER_MAX      2000u
#define DRAFT_DATE_MAX_MS     INT64_C(253402300799999) /* the end of 9999 */

static struct sdk_reader draft_reader(const struct draft *draft)
{
    return sdk_reader(draft->fields, draft->path, &draft->call->error);
}

/* --- headers -------------------------------------------------------------------------------------
 */

static bool draft_is_own_header(const char *name)
{
    static const char *const own[] = {
        "From",        "To",         "Cc",       "Bcc",          "Subject",
        "Date",        "Message-ID", "Reply-To", "MIME-Version", "DKIM-Signature",
        "Return-Path", "Received"};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcasecmp(name, own[i]) == 0)
            return true;
    return strncasecmp(name, "Content-", 8) == 0;
}

static bool draft_check_headers(struct sdk_reader *in)
{
    const json_t *headers = sdk_object(in, "headers"), *value;
    const char *name;

    if (json_object_size(headers) > DRAFT_HEADERS_MAX)
        return sdk_reader_refuse(in, "headers", "more than %u", DRAFT_HEADERS_MAX);
    json_object_foreach((json_t *)headers, name, value)
    {
        const char *text = json_string_value(value);
        size_t len = strlen(name);

        for (const char *c = name; *c; c++)
            if (*c <= ' ' || *c > '~' || *c == ':')
                len = 0;
        if (len == 0 || len > DRAFT_HEADER_NAME_MAX)
            return sdk_reader_refuse(in, "headers", "\"%.80s\" is no name of a header", name);
        if (draft_is_own_header(name))
            return sdk_reader_refuse(in, "headers", "%s is set by the mail itself", name);
        if (!text || strlen(text) > DRAFT_HEADER_MAX)
            return sdk_reader_refuse(in, "headers", "%s must be a text of up to %u bytes", name,
                                     DRAFT_HEADER_MAX);
        for (; *text; text++)
            if ((unsigned char)*text < ' ' || *text == 0x7f)
                return sdk_reader_refuse(in, "headers",
                                         "%s has a line break or a control character", name);
    }
    return sdk_reader_ok(in);
}

/* --- opening -------------------------------------------------------------------------------------
 */

static bool draft_read_template(struct draft *draft, struct sdk_reader *in)
{
    const json_t *value = sdk_any(in, "template");

    if (json_is_object(value)) {
        struct sdk_reader own = sdk_reader_in(in, "template");

        draft->template = &draft->own;
        return template_parse(&own, (size_t)draft->email->settings.message_max, &draft->own);
    }
    if (!value)
        return true;
    if (!json_is_string(value))
        return sdk_reader_refuse(in, "template", "must be a name, or {subject, text, html}");
    draft->template = templates_find(&draft->email->templates, json_string_value(value));
    return draft->template ||
           sdk_reader_refuse(in, "template", "no template \"%.80s\" in the setting templates",
                             json_string_value(value));
}

bool draft_open(struct draft *draft, struct sdk_call *call, const json_t *fields, const char *path,
                const char *extra)
{
    const char *known[] = {"from",      "to",      "cc",      "bcc",         "replyTo",
                           "bounceTo",  "subject", "text",    "html",        "template",
                           "variables", "strict",  "headers", "attachments", "messageId",
                           "_sent",     extra,     NULL};
    struct sdk_reader in;

    *draft = (struct draft){.email = call->self, .call = call, .fields = fields};
    snprintf(draft->path, sizeof draft->path, "%s", path);
    if (!draft->email->pool)
        return sdk_refuse(&call->error, "SettingsError",
                          "no mail server is set: --set url=smtp://HOST:PORT");
    in = draft_reader(draft);
    draft->variables = sdk_object(&in, "variables");
    draft->is_strict = sdk_boolean(&in, "strict", true);
    if (sdk_reader_only(&in, known) && draft_check_headers(&in) &&
        draft_read_template(draft, &in) && files_read(draft->email, call, &in, &draft->files))
        return true;
    draft_close(draft);
    return false;
}

void draft_close(struct draft *draft)
{
    files_free(&draft->files);
    template_fini(&draft->own);
}

/* --- making a mail -------------------------------------------------------------------------------
 */

static bool draft_render(const struct draft *draft, const struct sdk_template *template,
                         const json_t *variables, const char *what, size_t max, char **out)
{
    struct sdk_string text = {.max = max};

    if (!template)
        return true;
    if (!sdk_template_render(template, variables, draft->is_strict, &text, &draft->call->error)) {
        sdk_string_free(&text);
        return sdk_error_wrap(&draft->call->error, "template %s", what);
    }
    if (!text.is_full)
        *out = sdk_string_take(&text, NULL);
    sdk_string_free(&text);
    return *out || sdk_refuse(&draft->call->error, "LimitError",
                              "template %s: longer than %zu bytes", what, max);
}

static bool draft_body(const struct draft *draft, const json_t *own, struct sdk_reader *in,
                       struct mail *mail)
{
    size_t max = (size_t)draft->email->settings.message_max;
    const struct mail_template *template = draft->template;
    const char *subject = sdk_text(in, "subject", NULL, MAIL_SUBJECT_MAX);
    const char *text = sdk_text(in, "text", NULL, max), *html = sdk_text(in, "html", NULL, max);
    json_t *variables = draft->variables ? json_copy((json_t *)draft->variables) : json_object();
    bool is_made = sdk_reader_ok(in);

    json_object_update(variables, (json_t *)own);
    if (is_made && template)
        is_made = draft_render(draft, template->subject, variables, "subject", MAIL_SUBJECT_MAX,
                               &mail->subject) &&
                  draft_render(draft, template->text, variables, "text", max, &mail->text) &&
                  draft_render(draft, template->html, variables, "html", max, &mail->html);
    json_decref(variables);
    if (!is_made)
        return false;
    if (!mail->subject && subject)
        mail->subject = strdup(subject);
    if (!mail->text && text)
        mail->text = strdup(text);
    if (!mail->html && html)
        mail->html = strdup(html);
    if (mail->subject && strpbrk(mail->subject, "\r\n"))
        return sdk_reader_refuse(in, "subject", "has a line break");
    return mail->text || mail->html ||
           sdk_reader_refuse(in, "text", "text, html or a template is needed");
}

/* It goes into a header and into boundaries as it is. */
static bool draft_is_id(const char *text)
{
    const char *c = text;

    while (*c > ' ' && *c < 0x7f && *c != '<' && *c != '>')
        c++;
    return !*c && strchr(text, '@');
}

/* The same for each attempt at the job: from where it lies, and when it was added. */
static bool draft_name(const struct draft *draft, size_t index, struct sdk_reader *in,
                       struct mail *mail)
{
    const struct cartrita_host *host = draft->email->host;
    const struct cartrita_job *job = draft->call->job;
    const char *given = sdk_text(in, "messageId", NULL, MAIL_ID_MAX);
    json_t *opts = json_loads(host->job_opts(job, NULL), 0, NULL);
    unsigned char hash[SDK_SHA256_SIZE];
    char hex[33], key[1024];
    bool is_dated;

    is_dated = !__builtin_add_overflow(host->job_timestamp_ms(job),
                                       json_integer_value(json_object_get(opts, "delay")),
                                       &mail->date_ms) &&
               mail->date_ms >= 0 && mail->date_ms <= DRAFT_DATE_MAX_MS;
    json_decref(opts);
    if (!is_dated)
        return sdk_refuse(&draft->call->error, "ValidationError",
                          "the job's timestamp and delay make no date from 1970 to 9999");
    if (given && !draft_is_id(given))
        return sdk_reader_refuse(in, "messageId",
                                 "must be like name@host: ASCII, without blanks and brackets");
    snprintf(key, sizeof key, "%s %s %lld %zu", host->job_queue_key(job), host->job_id(job),
             (long long)host->job_timestamp_ms(job), index);
    sdk_sha256(key, strlen(key), hash);
    sdk_hex(hash, 16, hex);
    if (given && index == 0)
        snprintf(mail->id, sizeof mail->id, "%s", given);
    else
        snprintf(mail->id, sizeof mail->id, "%s@%.200s", hex,
                 address_domain(address_at(mail->from, 0)));
    return sdk_reader_ok(in);
}

static bool draft_from(const struct draft *draft, struct sdk_reader *in, struct mail *mail)
{
    const struct email_settings *settings = &draft->email->settings;
    const char *bounce = sdk_text(in, "bounceTo", settings->bounce_to, ADDRESS_MAX);
    InternetAddressList *list = NULL;
    json_t *text;
    bool is_read = address_read(in, "from", 1, &mail->from);

    if (is_read && address_count(mail->from) == 0 && settings->from) {
        text = json_string(settings->from);
        is_read = address_take(text, "from (setting)", 1, &mail->from, in->error);
        json_decref(text);
    }
    if (!is_read)
        return false;
    if (address_count(mail->from) == 0)
        return sdk_reader_refuse(in, "from", "is needed, here or as a setting");
    text = json_string(bounce ? bounce : address_at(mail->from, 0));
    is_read = address_take(text, "bounceTo", 1, &list, in->error);
    json_decref(text);
    if (is_read)
        mail->bounce_to = strdup(address_at(list, 0));
    g_clear_object(&list);
    return is_read;
}

bool draft_make(const struct draft *draft, const json_t *to, const json_t *variables, size_t index,
                struct mail *mail)
{
    size_t max = (size_t)draft->email->settings.recipients_max;
    struct sdk_reader in = draft_reader(draft);

    memset(mail, 0, sizeof *mail);
    mail->files = &draft->files;
    mail->headers = sdk_object(&in, "headers");
    if (!draft_from(draft, &in, mail) || !address_read(&in, "replyTo", max, &mail->reply_to))
        return false;
    if (to && !address_take(to, "to", 1, &mail->to, &draft->call->error))
        return false;
    if (!to &&
        (!address_read(&in, "to", max, &mail->to) || !address_read(&in, "cc", max, &mail->cc) ||
         !address_read(&in, "bcc", max, &mail->bcc)))
        return false;
    if (address_count(mail->to) + address_count(mail->cc) + address_count(mail->bcc) == 0)
        return sdk_reader_refuse(&in, "to", "to, cc or bcc is needed");
    if (address_count(mail->to) + address_count(mail->cc) + address_count(mail->bcc) > max)
        return sdk_reader_refuse(&in, "to", "more than %zu recipients (recipientsMax)", max);
    return draft_body(draft, variables, &in, mail) && draft_name(draft, index, &in, mail);
}

bool draft_send(const struct draft *draft, const struct mail *mail,
                struct talk_recipient *recipients, size_t count, struct talk_reply *response,
                enum smtp_fault *fault, size_t *size)
{
    struct sdk_call *call = draft->call;
    struct sdk_string whole = {.max = (size_t)draft->email->settings.message_max + 4096};
    struct smtp_mail sent = {mail->bounce_to, recipients, count, NULL, 0};
    char *bytes = NULL;
    size_t len = 0;
    bool is_sent;

    *fault = SMTP_FAULT_MAIL;
    if (!mail_compose(mail, (size_t)draft->email->settings.message_max, &bytes, &len, &call->error))
        return false;
    is_sent = !draft->email->dkim ||
              dkim_sign(draft->email->dkim, bytes, len, mail->date_ms / 1000, &whole, &call->error);
    if (is_sent) {
        sdk_string_add(&whole, bytes, len);
        sent.bytes = whole.bytes;
        sent.len = *size = whole.len;
        is_sent = !whole.is_full ? smtp_send(draft->email->pool, call, &sent, response, fault)
                                 : sdk_retry_later(&call->error, "MemoryError", "out of memory");
    }
    sdk_string_free(&whole);
    free(bytes);
    return is_sent;
}
