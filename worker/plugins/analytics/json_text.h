/* JSON as text whose numbers read as they were given. */
#ifndef CARTRITA_ANALYTICS_JSON_TEXT_H
#define CARTRITA_ANALYTICS_JSON_TEXT_H

#include <jansson.h>

/* Any value, compact: fresh memory; NULL: it cannot be written. */
char *analytics_json_text(const json_t *value);

#endif
