/* Jobs of series, as inc/iteration.lua and inc/series.lua make them. Called by commits and by what
 * begins series by hand. */
#ifndef BULLMQ_SERIES_H
#define BULLMQ_SERIES_H

#include "dialect/shared/repeat.h"
#include "queue/dialect.h"

extern const struct repeat_form bullmq_repeat_form;

/* Whether `count` jobs, this one among them, are within the limit and now_ms is before the end.
 * CT_E_NOT_FOUND says what ended it. */
enum ct_code series_check_end(const struct repeat *repeat, double count, int64_t now_ms,
                              struct ct_error *err) CT_MUST_CHECK;

/* The first match of `cron` after base_ms, from start_ms to end_ms. Expressions that BullMQ 6
 * refuses mean what they meant to 5. CT_E_NOT_FOUND: there is none. */
enum ct_code series_cron_slot(const struct repeat *repeat, double base_ms, double *out_ms,
                              struct ct_error *err) CT_MUST_CHECK;

/* Turns the options of a job into those of the next one: `repeat` with this count, without what
 * belongs to one job alone. */
void series_next_opts(struct memberlist *opts, const struct repeat *repeat, struct ct_str series,
                      double count);

/* Arguments of put_iteration. */
void series_put_iteration(const struct memberlist *opts, struct ct_str series, bool is_cron,
                          struct redis_command *out);

/* Of struct dialect. */
enum ct_code bullmq_schedule(struct dialect_queue *queue, const struct job *job, int64_t now_ms,
                             struct effect **out, struct ct_error *err);

#endif
