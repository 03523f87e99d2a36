/* The end of the process for a bug of ours: says where, then aborts. Takes no lock and allocates
 * nothing, because it may be called anywhere. */
#include "common/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ct_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    char text[512];

    snprintf(text, sizeof text, "%s:%d: %s: assertion failed: %s\n", file, line, function,
             condition);
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        abort(); /* nobody listens: the core dump has to tell */
    abort();
}
