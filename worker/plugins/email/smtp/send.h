/* Sends one mail over a connection of the pool, and says what became of it. */
#ifndef EMAIL_SMTP_SEND_H
#define EMAIL_SMTP_SEND_H

#include "smtp/pool.h"
#include "smtp/talk.h"

struct smtp_mail {
    const char *from;                  /* of the envelope */
    struct talk_recipient *recipients; /* .address set; .reply is filled in */
    size_t recipient_count;
    const char *bytes; /* the whole message, its lines ended by CR LF */
    size_t len;
};

enum smtp_fault {
    SMTP_FAULT_NONE,
    SMTP_FAULT_MAIL,      /* this mail, or all of its recipients: others may go through */
    SMTP_FAULT_RECIPIENT, /* as SMTP_FAULT_MAIL: the recipients were refused, each with its reply */
    SMTP_FAULT_SERVER     /* no mail would go through now */
};

/* true: the server has taken the mail for each recipient whose reply is 2xx; `response` is its
 * answer. false: it went to nobody (or that is not known: see README.md), call->error says why and
 * *fault for how much that holds. */
bool smtp_send(struct smtp_pool *pool, struct sdk_call *call, const struct smtp_mail *mail,
               struct talk_reply *response, enum smtp_fault *fault);

bool smtp_is_taken(const struct talk_reply *reply);     /* 2xx */
bool smtp_is_permanent(const struct talk_reply *reply); /* 5xx */

#endif
