/* Removes a directory with all that it holds, whoever made that and whatever it is called. For
 * directories that jobs have written to: never follows a link, never leaves the directory (also
 * when somebody moves things about meanwhile), opens a bounded number of descriptors however deep
 * the tree is. System calls only: any thread may call it; it may take long. */
#ifndef WORKER_RMTREE_H
#define WORKER_RMTREE_H

#include "common/error.h"

#define RMTREE_DEPTH_MAX  32u     /* levels open at a time; what is deeper is moved up first */
#define RMTREE_MOVES_MAX  100000u /* such moves */
#define RMTREE_PASSES_MAX 8u      /* over a directory that somebody still fills */

/* Removes `name` below the open directory `parent` (AT_FDCWD: a path). That it does not exist is
 * success. After an error the rest is removed, and `err` names the first obstacle. */
enum ct_code rmtree(int parent, const char *name, struct ct_error *err) CT_MUST_CHECK;

#endif
