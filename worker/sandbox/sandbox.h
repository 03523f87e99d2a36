/* The sandbox of a runner: what the plugin, and all that it starts, may do to the rest of the
 * machine. A pool chooses a preset (README.md here says what each denies), config_pools.c checks
 * it, runner.c applies it to its own process before the plugin is loaded, and nothing takes it
 * back.
 *
 * What is denied fails with EPERM or EACCES and never kills: the job gets its own error. A kernel
 * that lacks a part of it is no error either; the report says what is not in force. */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/option.h"

#define SANDBOX_PATHS_MAX 64 /* files: and read: of one pool */
#define SANDBOX_LINES_MAX 12
#define SANDBOX_TEXT_MAX  200

enum sandbox_preset { SANDBOX_NETWORK, SANDBOX_PURE, SANDBOX_OPEN };

struct sandbox_path {
    const char *path; /* borrowed from the list it was read of */
    bool is_writable; /* files:, not read: */
};

/* What a pool has chosen. */
struct sandbox {
    enum sandbox_preset preset;
    struct sandbox_path paths[SANDBOX_PATHS_MAX];
    size_t path_count;
};

/* Reads the list of a pool; an empty one is `network`. Looks whether the paths exist. `out` borrows
 * from the list. */
enum ct_code sandbox_parse(const struct ct_option_list *list, struct sandbox *out,
                           struct ct_error *err) CT_MUST_CHECK;
const char *sandbox_preset_name(enum sandbox_preset preset);

/* What this kernel has. Tests lower it to be an older one. */
struct sandbox_support {
    bool has_seccomp;
    int landlock; /* ABI; 0: none */
};

void sandbox_probe(struct sandbox_support *out);
/* One line of what `support` lacks, for a warning; false: it lacks nothing. */
bool sandbox_lacks(const struct sandbox_support *support, char *out, size_t size);

struct sandbox_target {
    const struct sandbox *sandbox;
    const char *plugin;   /* file; what lies beside it may be read. NULL: none */
    const char *temp_dir; /* may be written below. NULL: nothing may */
    pid_t supervisor;     /* not to be signalled. 0: none */
    bool leaves_core;     /* core dumps, which hold job data, are wanted */
};

struct sandbox_report {
    size_t count;
    struct {
        bool is_in_force;
        char text[SANDBOX_TEXT_MAX];
    } lines[SANDBOX_LINES_MAX];
};

/* Restricts this process, from now on and with all that it will start. Once, before it has a second
 * thread. After an error a part may be in force: the caller ends. */
enum ct_code sandbox_apply(const struct sandbox_target *target,
                           const struct sandbox_support *support, struct sandbox_report *report,
                           struct ct_error *err) CT_MUST_CHECK;

/* Closes what this process was given beyond `last`: a plugin must not find it. */
void sandbox_close_beyond(int last);

/* --check-sandbox: applies it in a process of its own and prints what came of it. Returns an exit
 * status: 0 when all is in force. */
int sandbox_check_main(const struct sandbox *sandbox);

#endif
