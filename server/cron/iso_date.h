/* Dates as ISO 8601 writes them and JavaScript reads them: 2026-03-29, 2026-03-29T02:30,
 * 2026-03-29 02:30:00.5+01:00. Called by dialects and by cartrita-q; pure. */
#ifndef CRON_ISO_DATE_H
#define CRON_ISO_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum iso_date_kind {
    ISO_DATE_DAY,    /* no time of day */
    ISO_DATE_LOCAL,  /* a reading of clocks somewhere */
    ISO_DATE_MOMENT, /* with an offset, or Z */
};

struct iso_date {
    enum iso_date_kind kind;
    int64_t ms; /* since 1970; but for MOMENT counted as if clocks showed UTC */
};

/* False when `text` is no such date. */
bool iso_date_parse(const char *text, struct iso_date *out);

#endif
