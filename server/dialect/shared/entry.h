/* What a producer gives, checked and normalised where Bull and BullMQ do it alike: single options,
 * and the data. Called by each dialect's entry.c. Details name the option. */
#ifndef DIALECT_SHARED_ENTRY_H
#define DIALECT_SHARED_ENTRY_H

#include "dialect/shared/memberlist.h"
#include "redis/command.h"

#define ENTRY_ID_MAX 1024
#define ENTRY_MS_MAX 8.64e15 /* the last time that JavaScript knows */

/* A number, or text that JavaScript takes for one; `fallback` for what it takes for false. */
enum ct_code entry_number(const struct memberlist *opts, const char *name, double fallback,
                          double *out, struct ct_error *err) CT_MUST_CHECK;
/* delay and timestamp. */
enum ct_code entry_times(const struct memberlist *opts, int64_t now_ms, double *delay,
                         double *timestamp, struct ct_error *err) CT_MUST_CHECK;
/* removeOnComplete and removeOnFail. */
enum ct_code entry_check_keeps(const struct memberlist *opts, struct ct_error *err) CT_MUST_CHECK;
/* A number becomes an object of type fixed. */
enum ct_code entry_normalise_backoff(struct memberlist *opts, struct ct_error *err) CT_MUST_CHECK;
/* `json`: what is called `what`. 0: none is given. */
enum ct_code entry_ttl(struct ct_str json, const char *what, double *out,
                       struct ct_error *err) CT_MUST_CHECK;
/* Appends the data as it is stored; absent: an empty object. */
enum ct_code entry_data(struct ct_str data, struct ct_buf *out, struct ct_error *err) CT_MUST_CHECK;
/* As JavaScript prints it. */
void entry_put_number(struct redis_command *out, double number);

#endif
