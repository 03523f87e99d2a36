/* Arrays as PostgreSQL writes them, item by item: {"a","b\"c"}. Any type's items may be quoted. */
#ifndef POSTGRES_ARRAY_H
#define POSTGRES_ARRAY_H

#include "cartrita/sdk/text.h"

/* `array` begins as an empty string. */
void pg_array_add(struct sdk_string *array, const char *item);
/* Behind the last one, or none. */
void pg_array_end(struct sdk_string *array);

#endif
