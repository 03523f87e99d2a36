/* Series of repeatable jobs: the next slot, and the names that Bull derives from it. */
#ifndef BULL_REPEAT_H
#define BULL_REPEAT_H

#include "dialect/shared/memberlist.h"

#define REPEAT_MS_MAX 8.64e15 /* the last time that JavaScript knows */

/* What `repeat` says. */
struct repeat {
    struct memberlist members;
    double every;             /* NaN: cron */
    char *cron, *tz, *job_id; /* owned; NULL: none */
    double limit;             /* NaN: none */
    double start_ms, end_ms;  /* NaN: none */
    double count;
};

/* `json` is the object of that name; checked. The caller calls repeat_fini, also after a failure.
 */
enum ct_code repeat_read(struct repeat *repeat, struct ct_str json,
                         struct ct_error *err) CT_MUST_CHECK;
void repeat_fini(struct repeat *repeat);

/* The first slot after base_ms. CT_E_NOT_FOUND: there is none. `limit` is not looked at. */
enum ct_code repeat_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                         struct ct_error *err) CT_MUST_CHECK;

/* "repeat:DIGEST:", what the ids of the iterations begin with; the slot follows. */
void repeat_id_append(struct ct_str name, struct ct_str job_id, struct ct_str series,
                      struct ct_buf *out);

struct iteration {
    char *series;   /* owned; the member of P+repeat */
    double slot_ms; /* whole but for a fractional `every` */
};

/* Turns the options of a series (with `repeat`) into those of its next iteration after now_ms.
 * CT_E_NOT_FOUND: the series has ended. On success the caller frees out->series. */
enum ct_code repeat_next(struct ct_str name, struct memberlist *opts, int64_t now_ms,
                         struct iteration *out, struct ct_error *err) CT_MUST_CHECK;

#endif
