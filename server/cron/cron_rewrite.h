/* What becomes of a field's text before it is taken apart: names, H, * and ? become numbers and
 * ranges. Called by cron_text.c; pure. */
#ifndef CRON_CRON_REWRITE_H
#define CRON_CRON_REWRITE_H

#include "common/str.h"
#include "cron/cron.h"

#define CRON_FIELD_MAX (CRON_TEXT_MAX * 4) /* a * becomes four bytes at most: 0-59, 1-31 */

struct cron_field_kind {
    const char *name;
    int min, max;
    const char *characters; /* that may remain once names are gone */
    const char *names;      /* three letters each; NULL: it has none */
    int first_name;         /* number of the first name */
};

/* Every three letters in a row become a number; false: they are no name. */
bool cron_replace_names(const struct cron_field_kind *kind, struct ct_str text,
                        char out[CRON_FIELD_MAX + 1]);
/* Each H becomes a value, or with a step several, that go by `seed`; in place. False: it is no such
 * thing, or becomes too long. */
bool cron_replace_hashed(const struct cron_field_kind *kind, uint32_t seed,
                         char text[CRON_FIELD_MAX + 1]);
bool cron_has_only(const struct cron_field_kind *kind, enum cron_edition edition, const char *text);
/* Each *, or where there is none each ?, becomes MIN-MAX; in CRON_5 both do. */
void cron_replace_marks(const struct cron_field_kind *kind, enum cron_edition edition,
                        const char *text, char out[CRON_FIELD_MAX + 1]);

#endif
