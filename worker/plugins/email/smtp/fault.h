/* What a failed sending means: whose fault it is, whether another attempt can help, and how to say
 * it. 5xx answers are permanent, 4xx ones and the network are not. */
#ifndef EMAIL_SMTP_FAULT_H
#define EMAIL_SMTP_FAULT_H

#include "smtp/send.h"

/* Fills in call->error. */
enum smtp_fault smtp_fault_of(const struct smtp_pool *pool, struct sdk_call *call,
                              const struct smtp_mail *mail, CURLcode code, const struct talk *talk);

#endif
