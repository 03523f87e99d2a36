/* Names that stand in archives. They are made by strangers, so each is brought to one clean
 * relative form, or refused, before anything else looks at it. Pure functions, called by extract,
 * list and create. */
#ifndef FILE_ARCHIVE_ENTRY_NAME_H
#define FILE_ARCHIVE_ENTRY_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define ENTRY_NAME_MAX 4096u /* bytes, with its NUL */
#define ENTRY_PART_MAX 255u  /* bytes between two slashes: what file systems take */

/* Why a name is no good, as the end of a sentence that begins with it; NULL: it is. */
#define ENTRY_IS_ABSOLUTE "is absolute"
#define ENTRY_CLIMBS      "climbs out with \"..\""
#define ENTRY_IS_LONG     "is longer than a file system takes"
#define ENTRY_IS_DEEP     "lies deeper than maxDepth allows"

/* Writes `raw` without "." and empty parts, and without its first `strip` parts, to `out`: "a/b/c".
 * Empty: nothing is left of it (the archive's own top, or all was stripped). */
const char *entry_name_clean(const char *raw, size_t strip, size_t depth_max,
                             char out[ENTRY_NAME_MAX]);

/* Whether a symbolic link that is called `name` (clean) and points to `target` stays below the top
 * whatever else is there: relative, no more ".." than it is deep, and those in front only, since
 * a part before a ".." may itself be a link. */
bool entry_link_stays(const char *name, const char *target);

/* Whether `pattern` fits all of `name`: "?" is one byte and "*" any number of them, but no slash;
 * "**" is anything, slashes too (and a "**" and slash in front: also nothing). In time that a
 * hostile pattern cannot blow up. */
bool entry_name_fits(const char *pattern, const char *name);

#endif
