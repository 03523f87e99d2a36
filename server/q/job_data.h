/* What a job's data holds at a path, for filters: keys and positions joined by dots, as in
 * items.0.id=7. Pure functions. */
#ifndef Q_JOB_DATA_H
#define Q_JOB_DATA_H

#include "common/option.h"

/* Whether each of `wanted` is PATH=VALUE; USAGE otherwise. */
enum ct_code job_data_check(const struct ct_option_list *wanted,
                            struct ct_error *err) CT_MUST_CHECK;

/* Whether `data` (JSON text) has all of them. VALUE is the text of a string, or the JSON of any
 * value. */
bool job_data_matches(struct ct_str data, const struct ct_option_list *wanted);

#endif
