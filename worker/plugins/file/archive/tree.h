/* A directory that is filled under a temporary name and has its own only when it is whole. Nothing
 * that is written into it leaves it: each part of a name is opened by itself and never through a
 * link. Called by extract. */
#ifndef FILE_ARCHIVE_TREE_H
#define FILE_ARCHIVE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/entry_name.h"
#include "cartrita/sdk/error.h"

struct tree {
    int parent;                         /* borrowed: the directory that it will be in */
    char name[ENTRY_PART_MAX + 1];      /* what it will be called there */
    char temporary[ENTRY_PART_MAX + 1]; /* what it is called until then; empty: there is none */
    int fd;                             /* of the directory itself; -1 */
    int last_fd;                        /* the directory that was used last; -1 */
    char last[ENTRY_NAME_MAX];          /* its name */
};

/* Makes the directory that will be `name` in `parent`. What has that name already is an error,
 * unless it is an empty directory or `replaces` is set. */
bool tree_begin(struct tree *tree, int parent, const char *name, bool replaces,
                struct sdk_error *error);
/* In place, durably; with `replaces` instead of what was there, which is then removed. */
bool tree_commit(struct tree *tree, bool replaces, struct sdk_error *error);
/* Removes all of it; nothing after a commit. Safe on TREE_NONE. */
void tree_abort(struct tree *tree);
#define TREE_NONE ((struct tree){.parent = -1, .fd = -1, .last_fd = -1})

/* Names are clean (entry_name.h), errors name them. Directories on the way are made. */
bool tree_make_directory(struct tree *tree, const char *name, struct sdk_error *error);
/* A new file for writing (a file of that name is replaced); -1 with an error. */
int tree_make_file(struct tree *tree, const char *name, bool is_executable,
                   struct sdk_error *error);
/* A file that was made before, for reading; -1, with an error when it is no such file. */
int tree_open_file(struct tree *tree, const char *name, struct sdk_error *error);
/* The caller has judged `target`. */
bool tree_make_symlink(struct tree *tree, const char *name, const char *target,
                       struct sdk_error *error);

/* errno as an error: disk and quota full and the like are worth a retry, all else is not. */
bool tree_refuse(const char *what, const char *name, int number, struct sdk_error *error);

#endif
