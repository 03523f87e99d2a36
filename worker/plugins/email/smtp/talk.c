/* Following an SMTP dialogue. See talk.h. */
#include "smtp/talk.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *verb;
    enum talk_step step;
} verbs[] = {{"EHLO", TALK_HELLO},  {"HELO", TALK_HELLO},        {"STARTTLS", TALK_TLS},
             {"AUTH ", TALK_LOGIN}, {"MAIL FROM:", TALK_SENDER}, {"RCPT TO:", TALK_RECIPIENT},
             {"DATA\r", TALK_DATA}};

void talk_begin(struct talk *talk, struct talk_recipient *recipients, size_t count)
{
    memset(talk, 0, sizeof *talk);
    talk->recipients = recipients;
    talk->recipient_count = count;
    for (size_t i = 0; i < count; i++)
        memset(&recipients[i].reply, 0, sizeof recipients[i].reply);
}

/* Lines of a login that is under way begin with no verb, and stay part of it. */
static void talk_command(struct talk *talk, const char *line, size_t len)
{
    talk->is_over = talk->is_over || strncasecmp(line, "QUIT", 4) == 0;
    if (talk->is_over)
        return;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        size_t verb_len = strlen(verbs[i].verb);

        if (len < verb_len || strncasecmp(line, verbs[i].verb, verb_len) != 0)
            continue;
        if (verbs[i].step == TALK_RECIPIENT && talk->step == TALK_RECIPIENT)
            talk->recipient_at++;
        talk->step = verbs[i].step;
        break;
    }
    memset(&talk->reply, 0, sizeof talk->reply);
    talk->is_more = false;
}

/* One line of an answer, "250-text" or "250 text"; lines of one answer are joined. */
static void talk_answer(struct talk *talk, const char *line, size_t len)
{
    struct talk_reply *reply = &talk->reply;
    size_t used = strlen(reply->text);

    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    if (len < 3 || !isdigit((unsigned char)line[0]))
        return;
    if (!talk->is_more)
        used = 0;
    if (used > 0 && len > 4)
        snprintf(reply->text + used, sizeof reply->text - used, " %.*s", (int)len - 4, line + 4);
    else if (used == 0)
        snprintf(reply->text, sizeof reply->text, "%.*s", (int)len, line);
    for (char *c = reply->text; *c; c++) /* a server's text ends up in logs */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    talk->is_more = len > 3 && line[3] == '-';
    talk->is_heard = true;
    reply->code = atoi(line);
    if (talk->is_more)
        return;
    if (talk->step == TALK_RECIPIENT && talk->recipient_at < talk->recipient_count)
        talk->recipients[talk->recipient_at].reply = *reply;
    if (talk->step == TALK_DATA && reply->code == 354) {
        talk->step = TALK_BODY;
        memset(reply, 0, sizeof *reply);
    }
}

int talk_trace(CURL *curl, curl_infotype type, char *bytes, size_t len, void *ctx)
{
    struct talk *talk = ctx;

    (void)curl;
    if (type == CURLINFO_HEADER_OUT)
        talk_command(talk, bytes, len);
    while (type == CURLINFO_HEADER_IN && len > 0 && !talk->is_over) {
        const char *end = memchr(bytes, '\n', len);
        size_t line_len = end ? (size_t)(end - bytes) + 1 : len;

        talk_answer(talk, bytes, line_len);
        bytes += line_len;
        len -= line_len;
    }
    return 0;
}
