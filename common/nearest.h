/* "Did you mean ...?": the known word that a mistyped one was probably meant to be. */
#ifndef CT_COMMON_NEAREST_H
#define CT_COMMON_NEAREST_H

#include <stddef.h>

#define CT_NEAREST_LEN_MAX 63 /* longer words have no nearest one */

struct ct_nearest {
    const char *word; /* borrowed; what was typed */
    const char *best; /* borrowed; NULL while nothing is near */
    size_t distance;
};

/* Start with `word`, offer each known name, read `best`. */
void ct_nearest_init(struct ct_nearest *nearest, const char *word);
void ct_nearest_offer(struct ct_nearest *nearest, const char *name);

#endif
