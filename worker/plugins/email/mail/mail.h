/* One mail before it is bytes, and the step to that. */
#ifndef EMAIL_MAIL_MAIL_H
#define EMAIL_MAIL_MAIL_H

#include <gmime/gmime.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cartrita/sdk/call.h"
#include "cartrita/sdk/text.h"

#define MAIL_ID_MAX      250u /* of a Message-ID, without its brackets */
#define MAIL_SUBJECT_MAX 4096u

/* An attachment, or (with `cid`) an image that the HTML shows. */
struct mail_file {
    char *bytes; /* owned, as all of these */
    size_t len;
    char *name, *type, *cid;
};

struct mail_files {
    struct mail_file *items; /* owned */
    size_t count;
};

struct mail {
    InternetAddressList *from, *reply_to, *to, *cc, *bcc; /* owned; NULL: none */
    char *bounce_to;                                      /* owned: the envelope's sender */
    char *subject, *text, *html;                          /* owned; NULL: none */
    const json_t *headers;                                /* borrowed, checked; NULL: none */
    const struct mail_files *files;                       /* borrowed; NULL: none */
    const char *redirected_from; /* borrowed: who it was for, when somebody else gets it */
    char id[MAIL_ID_MAX + 1];
    int64_t date_ms;
};

void mail_fini(struct mail *mail);

/* The message as it goes over the wire, every line ended by CR LF: fresh memory. The same mail
 * gives the same bytes. Longer than max_len is an error that names messageMax. */
bool mail_compose(const struct mail *mail, size_t max_len, char **bytes, size_t *len,
                  struct sdk_error *error);

#endif
