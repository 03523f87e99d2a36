/* Foreign text made safe to show: what jobs hold was written by others and may be anything. Called
 * by print.c and the commands; pure functions. No byte that could steer a terminal (control
 * characters, C1, bidirectional overrides) passes any of them. */
#ifndef Q_TEXT_H
#define Q_TEXT_H

#include "common/buf.h"

#define TEXT_NO_LIMIT SIZE_MAX

/* Appends `text` for a table: what cannot be shown becomes an escape (\n, \x1b, \u{202e}), what
 * does not fit `columns` is cut and ends in "…". Returns the columns that it takes on a terminal.
 */
size_t text_append_shown(struct ct_buf *buf, struct ct_str text, size_t columns);

/* Appends a JSON string with its quotes. A byte that is not UTF-8 becomes \udc80 to \udcff, so that
 * programs can tell it. */
void text_append_json_string(struct ct_buf *buf, struct ct_str text);

/* Appends `text` as JSON: itself on one line when it is JSON, a string otherwise. Returns whether
 * it was JSON. */
bool text_append_json(struct ct_buf *buf, struct ct_str text);

/* "now", "8 s", "12 min", "3 h", "5 d": the time between two moments, whichever comes first. */
void text_append_span(struct ct_buf *buf, int64_t ms);

/* "12 ms", "1.5 s", "3 min": how long something took. */
void text_append_duration(struct ct_buf *buf, int64_t ms);

/* "512 KiB", "81 MiB", "12.5 GiB". */
void text_append_bytes(struct ct_buf *buf, int64_t bytes);

#endif
