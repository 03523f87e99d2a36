/* One job to add, as arguments of the scripts (add_series_job in inc/add.lua). */
#ifndef BULL_ENTRY_H
#define BULL_ENTRY_H

#include "dialect/bull/parts.h"

struct entry {
    struct ct_str name, data, opts; /* as a producer gives them; may be absent */
    int64_t now_ms;
    /* It is the next iteration of a series, which must still exist; otherwise options with
     * `repeat` begin (or begin again) a series. */
    bool is_next;
};

/* Normalises and checks what is given, as Bull's producers do, and appends the arguments to
 * `out`. CT_E_NOT_FOUND: nothing to add, the series has ended. On failure `out` is untouched. */
enum ct_code entry_write(const struct dialect_queue *queue, const struct entry *entry,
                         const struct ct_random *random, struct redis_command *out,
                         struct ct_error *err) CT_MUST_CHECK;

#endif
