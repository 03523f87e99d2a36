/* Finding what lies beside the running program. See program.h. */
#include "common/program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

char *ct_program_folder(void)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (len <= 0)
        return NULL;
    self[len] = '\0';
    slash = strrchr(self, '/');
    return slash ? ct_strndup(self, (size_t)(slash - self)) : NULL;
}

char *ct_program_beside(const char *name)
{
    char *folder = ct_program_folder();
    char *path = folder ? ct_asprintf("%s/%s", folder, name) : NULL;

    free(folder);
    if (path && access(path, X_OK) == 0)
        return path;
    free(path);
    return ct_strdup(name);
}
