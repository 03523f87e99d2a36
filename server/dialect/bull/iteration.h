/* Iterations of Bull's series: the next slot, and the names that Bull derives from it. */
#ifndef BULL_ITERATION_H
#define BULL_ITERATION_H

#include "dialect/shared/repeat.h"

#define BULL_CRON_NAME "cron" /* the member of `repeat` that holds the expression */

/* The first slot after base_ms. CT_E_NOT_FOUND: there is none. `limit` is not looked at. */
enum ct_code iteration_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                            struct ct_error *err) CT_MUST_CHECK;

/* "repeat:DIGEST:", what the ids of the iterations begin with; the slot follows. */
void iteration_id_append(struct ct_str name, struct ct_str job_id, struct ct_str series,
                         struct ct_buf *out);

struct iteration {
    char *series;   /* owned; the member of P+repeat */
    double slot_ms; /* whole but for a fractional `every` */
};

/* Turns the options of a series (with `repeat`) into those of its next iteration after now_ms.
 * CT_E_NOT_FOUND: the series has ended. On success the caller frees out->series. */
enum ct_code iteration_next(struct ct_str name, struct memberlist *opts, int64_t now_ms,
                            struct iteration *out, struct ct_error *err) CT_MUST_CHECK;

#endif
