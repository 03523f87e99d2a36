/* Memory. Small allocations abort when memory is gone (the truth is in Redis, runners keep their
 * results); sizes that a peer controls pass a limit first and then use a `try_` call. */
#ifndef CT_COMMON_MEM_H
#define CT_COMMON_MEM_H

#include <stddef.h>

/* Never NULL; free() releases. ct_zalloc zeroes. */
void *ct_alloc(size_t size);
void *ct_zalloc(size_t size);
void *ct_realloc(void *memory, size_t size);
char *ct_strdup(const char *text);
/* A NUL-terminated copy of `len` bytes. */
char *ct_strndup(const char *bytes, size_t len);
/* printf into fresh memory. */
char *ct_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* NULL when memory is gone. */
void *ct_try_alloc(size_t size);

#endif
