/* Files that jobs name: kept below the roots that the plugin's owner allows, bounded, written as a
 * whole or not at all. The runner's sandbox is the outer wall; this one has the better errors. */
#ifndef CARTRITA_SDK_FILE_H
#define CARTRITA_SDK_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cartrita/sdk/error.h"

#define SDK_ROOTS_MAX 16u

/* Directories below which jobs may name files. */
struct sdk_roots;

/* `paths`: a text or an array of texts, absolute. A root that is no directory is an error. NULL, or
 * JSON's null: the whole file system, for which *out is NULL, here and in all that takes roots.
 * Free with sdk_roots_close. */
bool sdk_roots_open(const json_t *paths, struct sdk_roots **out, struct sdk_error *error);
void sdk_roots_close(struct sdk_roots *roots);

/* A regular file for reading: absolute and below a root, or relative to the first root. Neither
 * ".." nor a symbolic link leads out of it. *size: bytes. Returns a descriptor (O_CLOEXEC), or -1
 * with an error: permanent when it is missing, forbidden or no file. */
int sdk_file_open(const struct sdk_roots *roots, const char *path, int64_t *size,
                  struct sdk_error *error);
/* All of it, as fresh memory with a NUL behind; larger than max_size is an error that says so. */
bool sdk_file_read(const struct sdk_roots *roots, const char *path, size_t max_size, char **bytes,
                   size_t *len, struct sdk_error *error);

/* A directory (O_RDONLY), under the same rules, for those who write many files into one; -1 with an
 * error. */
int sdk_directory_open(const struct sdk_roots *roots, const char *path, bool makes_directories,
                       struct sdk_error *error);

/* A file being written: it has its name only once it is whole (a crash leaves the old one). */
struct sdk_output {
    int fd;          /* write here; -1 when closed */
    int directory;   /* holds both names */
    char *name;      /* to be */
    char *temporary; /* until then: ".cartrita-NUMBER.part"; a process that is killed leaves it */
};

/* Creates missing directories on the way when `makes_directories`. A full disk is worth a retry. */
bool sdk_output_open(const struct sdk_roots *roots, const char *path, bool makes_directories,
                     struct sdk_output *out, struct sdk_error *error);
bool sdk_output_write(struct sdk_output *out, const void *bytes, size_t len,
                      struct sdk_error *error);
/* Durable (fsync) and in place; closes it either way. */
bool sdk_output_commit(struct sdk_output *out, struct sdk_error *error);
/* Removes what was written. After commit, or when never opened: nothing. */
void sdk_output_abort(struct sdk_output *out);

#endif
