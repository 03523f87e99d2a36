/* Step `inspect`: what its name says of a file may be wrong; what its content says counts. */
#ifndef FILE_INSPECT_H
#define FILE_INSPECT_H

#include <stdbool.h>

#include "cartrita/sdk/error.h"

struct inspector; /* libmagic's tables, one for all threads */

bool inspect_open(struct inspector **out, struct sdk_error *error);
void inspect_close(struct inspector *inspector); /* NULL is allowed */

#endif
