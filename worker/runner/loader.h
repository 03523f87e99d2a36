/* Finds, checks and opens a plugin, and explains every refusal: the file, what is wrong with it,
 * both versions where they differ, and what to do. Called by the runner and by --check-plugin, each
 * in a process of its own; the supervisor never loads a plugin. An open plugin is never unmapped:
 * threads it may have started would lose their code. */
#ifndef WORKER_LOADER_H
#define WORKER_LOADER_H

#include "cartrita/plugin.h"
#include "common/error.h"

#define LOADER_SYMBOL         "cartrita_plugin"
#define LOADER_BATCH_MAX      1024u  /* jobs in one run */
#define LOADER_BATCH_WAIT_MAX 60000u /* ms */
#define LOADER_TEXT_MAX       64u    /* bytes of a plugin's name, and of its version */

/* The file that `name` means: a path as it is, or the NAME of a bundled plugin, looked for as
 * plugins/NAME.so beside the program. Fresh memory for the caller to free. */
char *loader_find(const char *name);

/* Loads `path` and checks what it says of itself; nothing of it has run yet but its constructors.
 * `file` is the same file open, for a process whose user cannot reach the path; -1: none. *out
 * belongs to the plugin and stays valid for the life of the process. */
enum ct_code loader_load(const char *path, int file, const struct cartrita_plugin **out,
                         struct ct_error *err) CT_MUST_CHECK;

/* --check-plugin: loads `path` in a throw-away process that gets `timeout_ms`, and prints what was
 * found on stdout or why not on stderr. Returns an exit status. */
int loader_check_main(const char *path, unsigned timeout_ms);

#endif
