/* Sending one mail. Happy path: a kept connection is lent, libcurl sends the envelope and the
 * bytes, the server says 250. A kept connection that turns out to be dead before the mail was on
 * its way is replaced at once. Everything else becomes an error: see fault.h. See send.h. */
#include "smtp/send.h"

#include <stdlib.h>
#include <string.h>

#include "smtp/fault.h"

struct send_source {
    const char *bytes;
    size_t len, at;
};

static size_t send_read(char *out, size_t size, size_t count, void *ctx)
{
    struct send_source *source = ctx;
    size_t left = source->len - source->at;
    size_t room = size * count;
    size_t len = left < room ? left : room;

    memcpy(out, source->bytes + source->at, len);
    source->at += len;
    return len;
}

static int send_look(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct sdk_call *call = ctx;

    (void)a, (void)b, (void)c, (void)d;
    return call->host->is_cancelled(call->job) != 0;
}

/* One try on one line. */
static CURLcode send_once(struct smtp_line *line, struct sdk_call *call,
                          const struct smtp_mail *mail, struct curl_slist *recipients,
                          struct talk *talk, bool is_fresh)
{
    struct send_source source = {mail->bytes, mail->len, 0};
    CURL *curl = line->curl;

    talk_begin(talk, mail->recipients, mail->recipient_count);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, is_fresh ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* newer headers keep this name */
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &source);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->len);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, send_look);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, talk_trace);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, talk);
    return curl_easy_perform(curl);
}

/* The connection was kept and is dead: nothing of this mail has reached anybody. */
static bool send_was_stale(const struct smtp_line *line, CURLcode code, const struct talk *talk)
{
    long made = 0;

    curl_easy_getinfo(line->curl, CURLINFO_NUM_CONNECTS, &made);
    if (code == CURLE_OK || code == CURLE_ABORTED_BY_CALLBACK || made > 0)
        return false;
    return talk->step <= TALK_SENDER && (!talk->is_heard || talk->reply.code == 421);
}

static void send_count(struct smtp_line *line, CURLcode code)
{
    long made = 0;

    curl_easy_getinfo(line->curl, CURLINFO_NUM_CONNECTS, &made);
    if (code != CURLE_OK)
        line->sent = 0;
    else
        line->sent = made > 0 ? 1 : line->sent + 1;
}

static struct curl_slist *send_recipients(const struct smtp_mail *mail)
{
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < mail->recipient_count; i++) {
        struct curl_slist *longer = curl_slist_append(list, mail->recipients[i].address);

        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

bool smtp_send(struct smtp_pool *pool, struct sdk_call *call, const struct smtp_mail *mail,
               struct talk_reply *response, enum smtp_fault *fault)
{
    struct curl_slist *recipients = send_recipients(mail);
    struct smtp_line *line = recipients ? smtp_pool_lend(pool, call) : NULL;
    struct talk talk;
    CURLcode code;

    *fault = SMTP_FAULT_SERVER;
    if (!line) {
        curl_slist_free_all(recipients);
        return recipients ? false : sdk_retry_later(&call->error, "MemoryError", "out of memory");
    }
    code = send_once(line, call, mail, recipients, &talk,
                     line->sent >= smtp_pool_settings(pool)->mails_per_connection);
    if (send_was_stale(line, code, &talk))
        code = send_once(line, call, mail, recipients, &talk, true);
    send_count(line, code);
    curl_easy_setopt(line->curl, CURLOPT_MAIL_RCPT, NULL);
    smtp_pool_return(pool, line);
    curl_slist_free_all(recipients);
    *response = talk.reply;
    if (code == CURLE_OK) {
        *fault = SMTP_FAULT_NONE;
        return true;
    }
    *fault = smtp_fault_of(pool, call, mail, code, &talk);
    return false;
}

bool smtp_is_taken(const struct talk_reply *reply)
{
    return reply->code / 100 == 2;
}

bool smtp_is_permanent(const struct talk_reply *reply)
{
    return reply->code / 100 == 5;
}
