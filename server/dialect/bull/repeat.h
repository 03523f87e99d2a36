/* Series of repeatable jobs: the next slot, and the names that Bull derives from it. */
#ifndef BULL_REPEAT_H
#define BULL_REPEAT_H

#include "dialect/bull/memberlist.h"

struct iteration {
    char *series;   /* owned; the member of P+repeat */
    double slot_ms; /* whole but for a fractional `every` */
};

/* Turns the options of a series (with `repeat`) into those of its next iteration after now_ms.
 * CT_E_NOT_FOUND: the series has ended. On success the caller frees out->series. */
enum ct_code repeat_next(struct ct_str name, struct memberlist *opts, int64_t now_ms,
                         struct iteration *out, struct ct_error *err) CT_MUST_CHECK;

#endif
