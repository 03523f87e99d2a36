/* What was said on a connection: follows libcurl's trace of an SMTP dialogue and keeps, for each
 * step, the server's last answer, and one for each recipient. A recipient's refusal is known from
 * here alone, for libcurl goes on with the others. */
#ifndef EMAIL_SMTP_TALK_H
#define EMAIL_SMTP_TALK_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define TALK_REPLY_MAX 400u /* bytes of an answer that are kept */

enum talk_step {
    TALK_CONNECT, /* nothing has been said yet; the answer to it is the greeting */
    TALK_HELLO,
    TALK_TLS,
    TALK_LOGIN,
    TALK_SENDER,
    TALK_RECIPIENT,
    TALK_DATA,
    TALK_BODY /* the mail is on its way, or there: it may have been taken */
};

struct talk_reply {
    int code; /* 0: none */
    char text[TALK_REPLY_MAX];
};

struct talk_recipient {
    const char *address; /* borrowed */
    struct talk_reply reply;
};

struct talk {
    enum talk_step step;
    struct talk_reply reply;           /* the last one, of `step` */
    struct talk_recipient *recipients; /* borrowed; in the order of the RCPT commands */
    size_t recipient_count, recipient_at;
    bool is_heard; /* any answer has come */
    bool is_more;  /* the answer has further lines */
    bool is_over;  /* goodbye has been said: what follows is of no mail */
};

void talk_begin(struct talk *talk, struct talk_recipient *recipients, size_t count);
/* A CURLOPT_DEBUGFUNCTION; ctx: the talk. */
int talk_trace(CURL *curl, curl_infotype type, char *bytes, size_t len, void *ctx);

#endif
