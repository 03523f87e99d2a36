/* A job's fields, read once and checked; and the mails that are made of them: one for `send`, one
 * for each recipient for `bulk`. */
#ifndef EMAIL_MAIL_DRAFT_H
#define EMAIL_MAIL_DRAFT_H

#include "email.h"
#include "mail/mail.h"
#include "smtp/send.h"

struct draft {
    const struct email *email; /* borrowed, as the call */
    struct sdk_call *call;
    const json_t *fields, *variables; /* borrowed; variables may be NULL */
    char path[40];                    /* of the fields in errors */
    struct mail_files files;
    struct mail_template own;             /* of the job */
    const struct mail_template *template; /* NULL: subject, text and html are taken as they are */
    bool is_strict;
};

/* `extra` names one more member that is allowed; NULL: none. false: call->error. */
bool draft_open(struct draft *draft, struct sdk_call *call, const json_t *fields, const char *path,
                const char *extra);
/* One mail. `to` (NULL: the fields' own) and `variables` (NULL: none but the common ones) are a
 * recipient's; `index` makes its Message-ID. mail_fini it either way. */
bool draft_make(const struct draft *draft, const json_t *to, const json_t *variables, size_t index,
                struct mail *mail);
void draft_close(struct draft *draft);

/* Composes, signs and sends `mail` to `recipients`. As smtp_send. *size: bytes that were sent. */
bool draft_send(const struct draft *draft, const struct mail *mail,
                struct talk_recipient *recipients, size_t count, struct talk_reply *response,
                enum smtp_fault *fault, size_t *size);

#endif
