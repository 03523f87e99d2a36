/* --check-sandbox. See sandbox.h. Called by main.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/sandbox/sandbox.h"

/* In the process that is restricted: never returns. */
static void check_in_child(const struct sandbox *sandbox)
{
    struct sandbox_target target = {.sandbox = sandbox, .supervisor = getppid()};
    struct sandbox_support support;
    struct sandbox_report report;
    struct ct_error err;
    int status = EXIT_SUCCESS;

    sandbox_probe(&support);
    if (sandbox_apply(&target, &support, &report, &err) != CT_E_OK) {
        fprintf(stderr, "cartrita-worker: %s\n", err.detail);
        _exit(EXIT_FAILURE);
    }
    printf("sandbox %s; this kernel has Landlock ABI %d\n", sandbox_preset_name(sandbox->preset),
           support.landlock);
    for (size_t i = 0; i < report.count; i++) {
        printf("%-13s %s\n", report.lines[i].is_in_force ? "in force" : "NOT IN FORCE",
               report.lines[i].text);
        if (!report.lines[i].is_in_force)
            status = EXIT_FAILURE;
    }
    fflush(stdout);
    _exit(status);
}

int sandbox_check_main(const struct sandbox *sandbox)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        check_in_child(sandbox);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("cartrita-worker: --check-sandbox");
        return EXIT_FAILURE;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
