/* See array.h. */
#include "postgres/array.h"

void pg_array_add(struct sdk_string *array, const char *item)
{
    sdk_string_puts(array, array->len ? ",\"" : "{\"");
    for (; *item; item++) {
        if (*item == '"' || *item == '\\')
            sdk_string_add(array, "\\", 1);
        sdk_string_add(array, item, 1);
    }
    sdk_string_puts(array, "\"");
}

void pg_array_end(struct sdk_string *array)
{
    sdk_string_puts(array, array->len ? "}" : "{}");
}
