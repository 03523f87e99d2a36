/* Attachments and inline images of a job: read once, whatever number of mails carries them. */
#ifndef EMAIL_MAIL_FILES_H
#define EMAIL_MAIL_FILES_H

#include "email.h"
#include "mail/mail.h"

/* Member `attachments` of `in`; all of them together are bounded by messageMax. */
bool files_read(const struct email *email, struct sdk_call *call, struct sdk_reader *in,
                struct mail_files *out);
void files_free(struct mail_files *files);

#endif
