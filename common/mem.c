/* Allocation that cannot fail, and the one form that can. Called by everybody. A process without
 * memory for a small allocation ends here, with a line that says so. */
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void mem_check(const void *memory)
{
    static const char text[] = "out of memory: raise the memory limit of this process\n";

    if (memory)
        return;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        abort();
    abort();
}

/* malloc(0) may be NULL, which would read as a failure. */
static size_t mem_size(size_t size)
{
    return size ? size : 1;
}

void *ct_alloc(size_t size)
{
    void *memory = malloc(mem_size(size));

    mem_check(memory);
    return memory;
}

void *ct_zalloc(size_t size)
{
    void *memory = calloc(1, mem_size(size));

    mem_check(memory);
    return memory;
}

void *ct_realloc(void *memory, size_t size)
{
    void *grown = realloc(memory, mem_size(size));

    mem_check(grown);
    return grown;
}

char *ct_strndup(const char *bytes, size_t len)
{
    char *copy = ct_alloc(len + 1);

    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *ct_strdup(const char *text)
{
    return ct_strndup(text, strlen(text));
}

char *ct_asprintf(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    mem_check(len < 0 ? NULL : text);
    return text;
}

void *ct_try_alloc(size_t size)
{
    return malloc(mem_size(size));
}
