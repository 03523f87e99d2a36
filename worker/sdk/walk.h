/* From a path that a job names to a held directory and a name in it, without leaving the roots.
 * Part of the SDK's inside; used by file and output. */
#ifndef CARTRITA_SDK_WALK_H
#define CARTRITA_SDK_WALK_H

#include <limits.h>
#include <stdbool.h>

#include "cartrita/sdk/file.h"

struct sdk_walk {
    int directory;           /* O_PATH; owned by the caller; -1 on failure */
    char name[NAME_MAX + 1]; /* of the last part; "" when the path is the root itself */
};

/* How the walk treats the path. */
#define SDK_WALK_MAKES   1u /* missing directories are made */
#define SDK_WALK_FOLLOWS 2u /* a symbolic link as the last part is followed, too */

/* The last part need not exist; all before it are directories. */
bool sdk_walk(const struct sdk_roots *roots, const char *path, unsigned how, struct sdk_walk *out,
              struct sdk_error *error);

/* errno as an error about `path`: worth another attempt or not. Returns false. */
bool sdk_file_error(struct sdk_error *error, const char *what, const char *path, int code);

#endif
