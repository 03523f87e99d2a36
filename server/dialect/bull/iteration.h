/* Iterations of Bull's series: the next slot, and the names that Bull derives from it. */
#ifndef BULL_ITERATION_H
#define BULL_ITERATION_H

#include "dialect/shared/repeat.h"
#include "dialect/shared/series_key.h"

#define BULL_ID_JOINT ":"

extern const struct repeat_form bull_repeat_form;

/* The first slot after base_ms. CT_E_NOT_FOUND: there is none. `limit` is not looked at. */
enum ct_code iteration_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                            struct ct_error *err) CT_MUST_CHECK;

struct iteration {
    char *series;   /* owned; the member of P+repeat */
    double slot_ms; /* whole but for a fractional `every` */
};

/* Turns the options of a series (with `repeat`) into those of its next iteration after now_ms.
 * CT_E_NOT_FOUND: the series has ended. On success the caller frees out->series. */
enum ct_code iteration_next(struct ct_str name, struct memberlist *opts, int64_t now_ms,
                            struct iteration *out, struct ct_error *err) CT_MUST_CHECK;

#endif
