/* The command line of a runner under a debugger. See debugger.h. */
#include "worker/supervisor/debugger.h"

#include <string.h>

#include "common/mem.h"

char **debugger_argv(const char *debugger, char *const *args)
{
    size_t count = 0, arg_count = 0, len = strlen(debugger) + 1;
    char **argv, *words, *rest;
    const char *name;

    while (args[arg_count])
        arg_count++;
    argv = ct_zalloc((DEBUGGER_WORDS_MAX + 1 + arg_count + 1) * sizeof *argv + len);
    words = (char *)(argv + DEBUGGER_WORDS_MAX + 1 + arg_count + 1);
    memcpy(words, debugger, len);
    for (char *word = strtok_r(words, " ", &rest); word && count < DEBUGGER_WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    name = count == 1 ? strrchr(argv[0], '/') : NULL;
    if (count == 1 && strcmp(name ? name + 1 : argv[0], "gdb") == 0)
        argv[count++] = "--args";
    for (size_t i = 0; i < arg_count; i++)
        argv[count++] = args[i];
    return argv;
}
