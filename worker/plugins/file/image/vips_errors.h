/* What libvips says went wrong, as an error of a job. */
#ifndef FILE_VIPS_ERRORS_H
#define FILE_VIPS_ERRORS_H

#include <stdbool.h>

#include "cartrita/sdk/error.h"

/* "CONTEXT: what libvips said", permanent ("ImageError") unless it says that memory or disk are
 * out. The buffer of libvips is one for all threads: with two failures at the same moment one job's
 * error may hold the other's words, or none, and with them whether it is tried again. Returns
 * false. */
bool vips_errors_fail(struct sdk_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
