/* What the option `repeat` of a job says of its series, in Bull and BullMQ. */
#ifndef DIALECT_SHARED_REPEAT_H
#define DIALECT_SHARED_REPEAT_H

#include "cron/cron.h"
#include "dialect/shared/memberlist.h"

#define REPEAT_MS_MAX 8.64e15 /* the last time that JavaScript knows */

/* What differs between the dialects. */
struct repeat_form {
    const char *cron_name; /* of the member that holds the cron expression */
    enum cron_edition edition;
};

struct repeat {
    struct memberlist members;
    const struct repeat_form *form; /* borrowed */
    double every;                   /* NaN: cron */
    char *cron, *tz, *job_id;       /* owned; NULL: none */
    double limit;                   /* NaN: none */
    double start_ms, end_ms;        /* NaN: none */
    double count;                   /* NaN: none */
};

/* `json` is the object of that name; checked. The caller calls repeat_fini, also after a failure.
 */
enum ct_code repeat_read(struct repeat *repeat, struct ct_str json, const struct repeat_form *form,
                         struct ct_error *err) CT_MUST_CHECK;
void repeat_fini(struct repeat *repeat);

/* The first match of `cron` after base_ms, from start_ms to end_ms. CT_E_NOT_FOUND: there is none.
 */
enum ct_code repeat_cron_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                              struct ct_error *err) CT_MUST_CHECK;

#endif
